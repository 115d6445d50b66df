//! Waiting for something to happen, without a clock that decides how the test ends.

use std::thread;
use std::time::{Duration, Instant};

use tokio::task::yield_now;

/// How long anything may take on the slowest machine. Only a test that has failed waits this long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long other processes are left alone before they are asked once more: at first, and at most.
const INTERVALS: [Duration; 2] = [Duration::from_micros(300), Duration::from_millis(10)];

/// Lets the other tasks of this thread run until none of them can go on by itself.
///
/// For stores in memory: nothing is waited for that comes from outside of the runtime, and no time passes.
pub async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Lets the other tasks run until `condition` holds. It is checked again and again, with real time as the limit, so
/// this also works where tokio's time is paused.
///
/// # Panics
///
/// When it does not hold within [`DEADLINE`]; the message says that `what` did not happen.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "it did not happen that {what}");
        yield_now().await;
    }
}

/// Asks other processes again and again until there is an answer that is no error, which says what is missing.
#[track_caller]
pub(crate) fn until_ok<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let (begun, [mut interval, most]) = (Instant::now(), INTERVALS);
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(missing) => {
                assert!(begun.elapsed() < DEADLINE, "it did not happen that {what}: {missing}");
            }
        }
        thread::sleep(interval);
        interval = most.min(interval * 2);
    }
}
