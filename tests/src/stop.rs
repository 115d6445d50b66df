//! A place where a test stops what it tests, and lets it go on.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A place in a load, or in an operation of a [`Staged`](crate::Staged) store, at which it stops.
///
/// ```no_run
/// # async fn test(cache: cachefence::CacheFence) {
/// # let ttl = std::time::Duration::from_secs(60);
/// let stop = cachefence_tests::Stop::new();
/// let at = std::sync::Arc::clone(&stop);
/// let call = tokio::spawn(async move {
///     let load = || async {
///         at.pass().await;
///         Ok::<_, std::io::Error>(1)
///     };
///     cache.get_or_set("k", ttl, load).await
/// });
/// stop.reached().await; // the load runs
/// stop.go(); // and ends
/// # }
/// ```
#[derive(Debug)]
pub struct Stop {
    reached: Semaphore,
    go: Semaphore,
}

impl Stop {
    /// A stop for whoever comes to it.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { reached: Semaphore::new(0), go: Semaphore::new(0) })
    }

    /// Stops here until the test lets one go on: this one or another that has come.
    ///
    /// # Panics
    ///
    /// Never: nothing closes the semaphores.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.go.acquire().await.expect("it is open").forget();
    }

    /// Waits until one has come here, one more for each call.
    ///
    /// # Panics
    ///
    /// Never: nothing closes the semaphores.
    pub async fn reached(&self) {
        self.reached.acquire().await.expect("it is open").forget();
    }

    /// Lets one go on: one that has come, or the next that comes.
    pub fn go(&self) {
        self.let_go(1);
    }

    /// Lets so many go on.
    pub fn let_go(&self, count: usize) {
        self.go.add_permits(count);
    }
}
