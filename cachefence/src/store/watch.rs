//! Watches: how a waiter is woken when an entry or one of its slots changes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

/// One waiter's interest in an entry and its slots.
///
/// The waiter hands its watch to each [`Store::acquire`](super::Store::acquire). A store that can tell when
/// the entry or a slot changes [arms](Self::arm) the watch before it looks at them, and wakes it after a
/// change: once or more often, and for no reason if it likes. A waiter whose watch is not armed asks again
/// and again.
///
/// # Examples
///
/// The waiters of one key, in a store to which arming costs nothing. A store that asks a server to be told of changes leaves a
/// watch that [is new](Self::is_new) unarmed.
///
/// ```
/// use cachefence::store::{Wake, Watch};
///
/// #[derive(Default)]
/// struct Waiters(Vec<Wake>);
///
/// impl Waiters {
///     fn add(&mut self, watch: &Watch) {
///         self.0.retain(|waiter| !waiter.is_abandoned());
///         self.0.push(watch.arm());
///     }
///
///     fn changed(&mut self) {
///         self.0.drain(..).for_each(|waiter| waiter.wake());
///     }
///
///     /// Nobody can be woken any more, so waiters are to ask by themselves.
///     fn lost(&mut self) {
///         self.0.drain(..).for_each(|waiter| waiter.disarm());
///     }
/// }
///
/// let (mut waiters, watch) = (Waiters::default(), Watch::default());
/// assert!(watch.is_new());
/// waiters.add(&watch);
/// assert!(watch.is_armed() && waiters.0[0].is(&watch.arm()));
/// waiters.lost();
/// assert!(!watch.is_armed());
/// # waiters.changed();
/// ```
#[derive(Default)]
pub struct Watch(Arc<State>);

/// A store's handle to a [`Watch`], by which it wakes the waiter; there is an example.
#[derive(Clone)]
pub struct Wake(Weak<State>);

#[derive(Default)]
struct State {
    armed: AtomicBool,
    /// Whether the watch was ever armed.
    was_armed: AtomicBool,
    /// Whether an acquire that was handed the watch has ended.
    used: AtomicBool,
    changed: Notify,
}

impl Watch {
    /// Whether no acquire that was handed the watch has ended yet.
    pub fn is_new(&self) -> bool {
        !self.0.used.load(Ordering::Relaxed)
    }

    /// Notes that an acquire which was handed the watch has ended.
    pub(crate) fn was_used(&self) {
        self.0.used.store(true, Ordering::Relaxed);
    }

    /// Whether a store has ever armed the watch, even if it has disarmed it since.
    pub(crate) fn was_armed(&self) -> bool {
        self.0.was_armed.load(Ordering::Acquire)
    }

    /// Arms the watch. The store promises to call [`Wake::wake`] when the entry or a slot changes.
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

impl Wake {
    /// Wakes the waiter, now or as soon as it waits.
    pub fn wake(&self) {
        if let Some(state) = self.0.upgrade() {
            state.changed.notify_one();
        }
    }

    /// Takes the promise of [`Watch::arm`] back, and wakes the waiter, which then asks by itself.
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

    /// Whether both handles wake the same waiter.
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
