//! Synchronous work inside an asynchronous recompute.

use std::panic::resume_unwind;

/// Runs `f` on tokio's blocking pool and returns what it returns.
///
/// For a recompute that blocks its thread, such as a query through a synchronous driver. Work that
/// only computes for a few microseconds needs none of this: `|| async { f() }` does.
///
/// # Panics
///
/// A panic in `f` goes on in the caller. Outside a tokio runtime this function panics.
///
/// # Cancel safety
///
/// Dropping the future does not stop `f` once it has started: a blocking thread cannot be stopped.
/// It then runs to its end, and its value is dropped.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # fn query() -> Result<u32, std::io::Error> { Ok(42) }
/// use cachefence::{CacheFence, blocking};
/// use std::time::Duration;
///
/// let cache = CacheFence::in_memory();
/// let answer = cache.get_or_set("answer", Duration::from_secs(60), || blocking(query)).await?;
/// assert_eq!(answer, 42);
/// # Ok(()) }
/// ```
pub async fn blocking<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match tokio::task::spawn_blocking(f).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down and never started `f`. The task that waits here ends with
            // the runtime.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
