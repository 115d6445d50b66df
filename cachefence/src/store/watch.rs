//! Being woken when an entry or one of its slots changes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

/// One waiter's interest in an entry and its slots.
///
/// The waiter hands it to each [`Store::acquire`](super::Store::acquire). A store that can tell when any of
/// them changes [arms](Self::arm) it before it looks, and wakes it when they do: once or more, and for no
/// reason if it likes. A watch that is not armed has its waiter look again and again.
pub struct Watch(Arc<State>);

/// What wakes a waiter.
#[derive(Clone)]
pub struct Wake(Weak<State>);

#[derive(Default)]
struct State {
    armed: AtomicBool,
    /// Whether it was ever armed.
    was_armed: AtomicBool,
    /// Whether an acquire has been answered that had it.
    used: AtomicBool,
    changed: Notify,
}

impl Watch {
    /// A watch that is not armed.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Whether this is the first acquire that it is handed to.
    pub fn is_new(&self) -> bool {
        !self.0.used.load(Ordering::Relaxed)
    }

    /// An acquire has ended that it was handed to.
    pub(crate) fn was_used(&self) {
        self.0.used.store(true, Ordering::Relaxed);
    }

    /// Whether a store has ever armed it, though it may have taken that back.
    pub(crate) fn was_armed(&self) -> bool {
        self.0.was_armed.load(Ordering::Acquire)
    }

    /// Promises that [`Wake::wake`] will be called.
    pub fn arm(&self) -> Wake {
        self.0.was_armed.store(true, Ordering::Release);
        self.0.armed.store(true, Ordering::Release);
        Wake(Arc::downgrade(&self.0))
    }

    /// Whether the waiter will be woken.
    pub fn is_armed(&self) -> bool {
        self.0.armed.load(Ordering::Acquire)
    }

    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake {
    /// Wakes the waiter, now or as soon as it waits.
    pub fn wake(&self) {
        if let Some(state) = self.0.upgrade() {
            state.changed.notify_one();
        }
    }

    /// Takes the promise back, and wakes the waiter.
    pub fn disarm(&self) {
        if let Some(state) = self.0.upgrade() {
            state.armed.store(false, Ordering::Release);
            state.changed.notify_one();
        }
    }

    /// Whether the waiter is gone.
    pub fn is_abandoned(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Whether both wake the same waiter.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("armed", &self.is_armed()).finish()
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").field("abandoned", &self.is_abandoned()).finish()
    }
}
