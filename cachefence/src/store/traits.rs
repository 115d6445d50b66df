//! What a store is like, and how it is.

use std::time::Duration;

/// What the engine may rely on; always the same for one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traits {
    /// Whether [`read`](super::Store::read) is ready at once, so that callers have nothing to share.
    pub answers_at_once: bool,
    /// The most that one call waits for the store, all of its operations together; then it is served
    /// without. A store that sets it ends each of its operations within that by itself.
    pub call_budget: Duration,
    /// Whether [`acquire`](super::Store::acquire) arms a watch that is not new, so that a waiter does well
    /// to look once more at once.
    pub wakes: bool,
}

impl Traits {
    /// A store that takes as long as it takes, and wakes nobody.
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
    /// Whether it is of use.
    pub health: Health,
    /// Whether its steps are scripts; without them each takes more round trips.
    pub scripts: bool,
    /// Whether it can wake those who wait.
    pub pushes: bool,
    /// Whether the last write was taken: a full server, or a replica, still answers reads.
    pub writes: bool,
}

/// Whether a store is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It does what it is asked.
    Up,
    /// It does some of it.
    Degraded,
    /// It is not asked: it has failed too often. Calls are served by their recomputes.
    Down,
}

impl Status {
    /// A store that does what it is asked.
    pub fn up() -> Self {
        Self { health: Health::Up, scripts: true, pushes: true, writes: true }
    }

    /// Sets whether it is of use.
    #[must_use]
    pub fn health(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Sets whether its steps are scripts.
    #[must_use]
    pub fn scripts(self, scripts: bool) -> Self {
        Self { scripts, ..self }
    }

    /// Sets whether it can wake those who wait.
    #[must_use]
    pub fn pushes(self, pushes: bool) -> Self {
        Self { pushes, ..self }
    }

    /// Sets whether it takes writes.
    #[must_use]
    pub fn writes(self, writes: bool) -> Self {
        Self { writes, ..self }
    }
}
