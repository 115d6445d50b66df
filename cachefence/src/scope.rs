//! Scopes: another default cache for the length of a future.
//!
//! The cache of a scope stands in a place of the thread while the scope's future is polled, and at no other time. So
//! it is found by whatever the future calls, and not by other tasks of the same thread.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::CacheFence;

thread_local! {
    /// The cache of the innermost scope that is polled on this thread.
    static CURRENT: Cell<Option<CacheFence>> = const { Cell::new(None) };
}

/// Whether there has been a scope in this process. Most have none, and their calls do not ask the thread.
static IS_USED: AtomicBool = AtomicBool::new(false);

impl CacheFence {
    /// Makes this the default cache inside `future`: annotated functions that name no cache, and their companions, use it there
    /// in place of the one that is [installed](Self::install).
    ///
    /// Of nested scopes the inner one counts. A task that `future` spawns is outside of the scope, unless it is given one
    /// of its own; a [detached](crate::Entry::get_or_set_detached) load that is begun inside is inside too. Functions
    /// that name a cache by `cache = ..` use that one. The result is `Send` if `future` is.
    ///
    /// A companion chooses its cache when it is called. Call it inside: `cache.scope(async { user_entry(1).peek().await })`.
    /// In `cache.scope(user_entry(1).peek())` it is called outside, and uses the outer cache.
    ///
    /// Meant for tests, each of which gives its functions a cache of its own, and for programs that serve several
    /// tenants, each with a cache of its own.
    ///
    /// # Panics
    ///
    /// A panic of `future` goes on, and leaves nothing of the scope behind.
    ///
    /// # Cancel safety
    ///
    /// Dropping the result drops `future`, and has no other effect.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cachefence::{CacheFence, cachefence};
    ///
    /// #[cachefence(key = "greeting:<name>", ttl = 60)]
    /// async fn greeting(name: &str) -> String {
    ///     format!("hello {name}")
    /// }
    ///
    /// let (one, other) = (CacheFence::in_memory(), CacheFence::in_memory());
    /// one.scope(greeting("ann")).await;
    /// let peek = async { greeting_entry("ann").peek().await };
    /// assert_eq!(other.scope(peek).await?, None);
    /// let peek = async { greeting_entry("ann").peek().await };
    /// assert_eq!(one.scope(peek).await?, Some("hello ann".to_owned()));
    /// # Ok(()) }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        IS_USED.store(true, Ordering::Relaxed);
        let cache = self.clone();
        // In a box, because a future that moves another into itself has room for it twice.
        let mut future = Box::pin(future);
        poll_fn(move |cx| {
            let _inside = Inside::enter(cache.clone());
            future.as_mut().poll(cx)
        })
    }
}

/// The cache of the scope that the caller is in.
#[inline]
pub(crate) fn current() -> Option<CacheFence> {
    // Relaxed: whoever polls a scope has it from where this was set.
    if IS_USED.load(Ordering::Relaxed) { current_here() } else { None }
}

#[cold]
fn current_here() -> Option<CacheFence> {
    let copied = CURRENT.try_with(|current| {
        let cache = current.take();
        current.set(cache.clone());
        cache
    });
    copied.ok().flatten() // a thread that is ending is in no scope
}

/// What a task does for a caller, inside the caller's scope.
pub(crate) fn inherited<T: 'static>(
    work: Pin<Box<dyn Future<Output = T> + Send>>,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    match current() {
        None => work,
        Some(cache) => Box::pin(cache.scope(work)),
    }
}

/// The inside of a scope; dropped, the scope around it is the current one again. It is not `Send`, because its place is
/// its thread's.
struct Inside {
    outer: Option<CacheFence>,
    thread: PhantomData<*const ()>,
}

impl Inside {
    fn enter(cache: CacheFence) -> Self {
        let outer = CURRENT.try_with(|current| current.replace(Some(cache)));
        Self { outer: outer.ok().flatten(), thread: PhantomData }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // Dropped here, with nothing borrowed: it may be the last handle of its cache.
        drop(CURRENT.try_with(|current| current.replace(outer)));
    }
}
