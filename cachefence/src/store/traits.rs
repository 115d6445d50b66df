//! The traits of a store, which never change, and its status, which may.

use std::time::Duration;

/// What the engine may rely on. The traits of one store are always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traits {
    /// Whether [`read`](super::Store::read) is ready at once, so that callers have nothing to share.
    pub answers_at_once: bool,
    /// The longest that one call waits for the store, over all of its operations together; after that the
    /// call is served without the store. A store that sets this limit ends each of its operations within
    /// it by itself. No limit, `Duration::MAX`, by default.
    pub call_budget: Duration,
    /// Whether [`acquire`](super::Store::acquire) arms a watch that is not new, so that a waiter whose
    /// watch is not armed yet asks once more at once.
    pub wakes: bool,
}

impl Traits {
    /// The traits of a store whose operations have no limit, and which wakes nobody.
    pub fn new() -> Self {
        Self { answers_at_once: false, call_budget: Duration::MAX, wakes: false }
    }

    /// Sets whether a read is ready at once.
    #[must_use]
    pub fn answers_at_once(self, answers_at_once: bool) -> Self {
        Self { answers_at_once, ..self }
    }

    /// Sets the most that one call waits for the store.
    #[must_use]
    pub fn call_budget(self, call_budget: Duration) -> Self {
        Self { call_budget, ..self }
    }

    /// Sets whether waiters are woken.
    #[must_use]
    pub fn wakes(self, wakes: bool) -> Self {
        Self { wakes, ..self }
    }
}

impl Default for Traits {
    fn default() -> Self {
        Self::new()
    }
}

/// How a store is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whether the store can be used.
    pub health: Health,
    /// Whether the store's steps run as scripts; without scripts each step takes more round trips.
    pub scripts: bool,
    /// Whether the store can wake waiters.
    pub pushes: bool,
    /// Whether the last write was taken: a full server, or a replica, still answers reads.
    pub writes: bool,
}

/// Whether a store can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The store does what it is asked.
    Up,
    /// The store does a part of what it is asked: it reads, but takes no writes, for example.
    Degraded,
    /// The store has failed too often, and is not asked. Calls are served by their recomputes.
    Down,
}

impl Status {
    /// The status of a store that does what it is asked.
    pub fn up() -> Self {
        Self { health: Health::Up, scripts: true, pushes: true, writes: true }
    }

    /// Sets whether the store can be used.
    #[must_use]
    pub fn health(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Sets whether the store's steps run as scripts.
    #[must_use]
    pub fn scripts(self, scripts: bool) -> Self {
        Self { scripts, ..self }
    }

    /// Sets whether the store can wake waiters.
    #[must_use]
    pub fn pushes(self, pushes: bool) -> Self {
        Self { pushes, ..self }
    }

    /// Sets whether the store takes writes.
    #[must_use]
    pub fn writes(self, writes: bool) -> Self {
        Self { writes, ..self }
    }
}
