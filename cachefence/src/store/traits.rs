//! The traits of a store, which never change, and its status, which may.

use std::fmt;
use std::time::Duration;

/// What the engine may rely on. The traits of one store are always the same.
///
/// By default the operations of a store take time and have no limit, and the store wakes nobody. A store
/// of your own sets the fields that differ:
///
/// ```
/// use std::time::Duration;
///
/// use cachefence::store::Traits;
///
/// let mut traits = Traits::default();
/// traits.call_budget = Some(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traits {
    /// Whether [`read`](super::Store::read) is ready at once, so that callers have nothing to share.
    pub answers_at_once: bool,
    /// The longest that one call waits for the store, over all of its operations together; after that the
    /// call is served without the store. A store that sets this limit ends each of its operations within
    /// it by itself. `None` is no limit.
    pub call_budget: Option<Duration>,
    /// The most bytes that the name and the encoded value of one entry may have together. A larger value is served
    /// and not stored. `None` is no bound of the store's own.
    pub largest_entry: Option<usize>,
    /// Whether [`acquire`](super::Store::acquire) arms a watch that is not new, so that a waiter whose
    /// watch is not armed yet asks once more at once.
    pub wakes: bool,
}

/// How a store is at one moment, as far as its own operations have shown. By default the store does all that it is
/// asked. [`CacheFence::status`](crate::CacheFence::status) returns one, and has an example.
///
/// The status of a Redis Cluster is that of all its nodes together: each `bool` is `true` if it is so on every node, and
/// [`health`](Self::health) is [`Down`](Health::Down) if it is on every node, and else [`Degraded`](Health::Degraded) if
/// one node is not [`Up`](Health::Up).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Status {
    /// Whether the store can be used.
    pub health: Health,
    /// Whether the store's steps run as scripts; without scripts each step takes more round trips. A Redis that has
    /// refused them is asked once a minute whether it runs them now.
    pub scripts: bool,
    /// Whether the store can wake waiters; without that a waiter asks again and again. A Redis that has refused is asked
    /// once a minute, while somebody waits, and nothing is pushed without scripts.
    pub pushes: bool,
    /// Whether the last write was taken: a full server, or a replica, still answers reads. `false` too while the circuit
    /// breaker of writes is open, in any runtime. Without writes, values are served and not stored. Every load tries to
    /// write, unless that breaker is open, which a probe closes.
    pub writes: bool,
    /// Whether a round trip leaves time for the operations of a call. `false` if the quickest round trip that
    /// [`build`](crate::Builder::build) measured took more than a fifth of
    /// [`op_timeout`](crate::Builder::op_timeout), until a later one takes less.
    pub near: bool,
}

/// Whether a store can be used: a part of its [`Status`]. [`CacheFence::status`](crate::CacheFence::status) has an example.
///
/// A health endpoint shows it by its `Display`, which is [`as_str`](Self::as_str).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The store does all that it is asked.
    Up,
    /// The store is asked, and does a part of what it is asked: one of [`scripts`](Status::scripts),
    /// [`pushes`](Status::pushes), [`writes`](Status::writes) and [`near`](Status::near) is `false`, or one of several
    /// runtimes cannot reach it. Runtimes that reach it serve hits.
    Degraded,
    /// The store has failed too often, and is not asked: neither hits are served nor values stored. Calls run their
    /// recomputes.
    Down,
}

impl Health {
    /// `up`, `degraded` or `down`.
    ///
    /// ```
    /// assert_eq!(cachefence::CacheFence::in_memory().status().health.as_str(), "up");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Default for Status {
    /// The status of a store that does what it is asked.
    fn default() -> Self {
        Self { health: Health::Up, scripts: true, pushes: true, writes: true, near: true }
    }
}
