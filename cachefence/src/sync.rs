//! The types that a flight is built on, and the way to lock a mutex. They are named in one place because the
//! exploration of a flight's interleavings compiles `engine/flight` against the same names of `shuttle`.

/// A hasher that is seeded at random, at a quarter of the cost of the standard one.
pub(crate) use quick_cache::DefaultHashBuilder;
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks a `mutex`, poisoned or not: nothing that panics runs under the locks of this crate.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
