//! Waiting, and work that outlives its caller.
//!
//! Time is tokio's: real in production, and in tests under their control. Outside a tokio runtime
//! there are no timers; a wait then has no end of its own, and what it waits for still ends it.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Waits for `duration`.
pub(crate) async fn sleep(duration: Duration) {
    sleep_until(Instant::now().checked_add(duration)).await;
}

/// Waits until `deadline`; forever without one.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) if Handle::try_current().is_ok() => tokio::time::sleep_until(deadline).await,
        _ => pending().await,
    }
}

/// Runs `work` in a task of its own that can be waited for, if there is a runtime to run it on.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<JoinHandle<T>> {
    Some(Handle::try_current().ok()?.spawn(work))
}

/// Runs `work` in a task of its own, if there is a runtime to run it on.
pub(crate) fn detach(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}
