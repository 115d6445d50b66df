//! Forced refreshes: loading values although there are some.
//!
//! [`force_refresh`] sets a mark of the thread whenever its future is polled, and a call that begins there sees the
//! mark. Whatever is called from inside a body does not, because the mark is taken away while a body is polled; nor
//! does a task that is spawned.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// Whether calls that begin on this thread are forced.
    static FORCED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this process has forced a refresh. Most never do, and their hits do not ask the thread.
static IS_USED: AtomicBool = AtomicBool::new(false);

/// Has the cached calls that `future` makes load their values anew, although there may be values that could be
/// served.
///
/// Each of these calls runs its body, or is given the result of a body that another call of the process has begun
/// since: what it returns was read after it began. The value that is there stays, and is served to others until the
/// new one is stored. Calls by [`get_or_set`](crate::CacheFence::get_or_set) and of annotated functions are forced, detached ones
/// too; the calls that their bodies make are not, and neither are those of tasks that `future` spawns.
///
/// A forced load takes the lease of its key from whoever holds it, so a load that began earlier, in any process,
/// cannot store its older value afterwards. Forced calls of a key in one process share loads: those that come while one
/// runs wait for it, and then for one more. A forced call is counted as any other that loads or waits
/// ([`Stats`](crate::Stats)).
///
/// # Errors
///
/// The calls return what they return otherwise, with one difference: where the body fails, its error is returned, also
/// within a stale window. The value that was there stays. `recompute_timeout` does not hold either, because the call
/// has no value to serve instead. If the store cannot be asked, the body runs all the same, and its value is returned and
/// not stored.
///
/// # Panics
///
/// A panic goes on in the caller. The calls that follow are not forced.
///
/// # Cancel safety
///
/// Dropping the future drops the calls that it makes, to the same effect as without this function.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() {
/// use cachefence::{cachefence, force_refresh};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// static RATE: AtomicU32 = AtomicU32::new(1);
///
/// #[cachefence(key = "rate", ttl = "1h")]
/// async fn rate() -> u32 {
///     RATE.load(Ordering::Relaxed)
/// }
///
/// assert_eq!(rate().await, 1);
/// RATE.store(2, Ordering::Relaxed); // by somebody who does not invalidate
/// assert_eq!(rate().await, 1);
/// assert_eq!(force_refresh(rate()).await, 2);
/// assert_eq!(rate().await, 2);
/// # }
/// ```
pub fn force_refresh<F: Future>(future: F) -> impl Future<Output = F::Output> {
    IS_USED.store(true, Ordering::Relaxed);
    // In a box, because a future that moves another into itself has room for it twice.
    let mut future = Box::pin(future);
    poll_fn(move |cx| {
        let _forced = Restore::set(true);
        future.as_mut().poll(cx)
    })
}

/// Whether a call that begins now is forced.
#[inline]
pub(crate) fn is_forced() -> bool {
    // Relaxed: whoever polls a forced future has it from where this was set.
    IS_USED.load(Ordering::Relaxed) && FORCED.get()
}

/// Until the guard is dropped, calls that begin on this thread are not forced.
pub(crate) fn suspend() -> Restore {
    Restore::set(false)
}

/// Dropped, it restores the mark of the thread. It is not `Send`, because the mark is its thread's.
#[must_use]
pub(crate) struct Restore {
    before: bool,
    thread: PhantomData<*const ()>,
}

impl Restore {
    fn set(forced: bool) -> Self {
        Self { before: FORCED.replace(forced), thread: PhantomData }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        FORCED.set(self.before);
    }
}
