//! Entries: as they are read, and as they are written.

use std::time::Duration;

use bytes::Bytes;

use super::Timestamp;

/// An entry as the store held it at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The encoded value; nothing in a mark.
    pub payload: Bytes,
    /// A value, or the mark that there is none.
    pub kind: Kind,
    /// How long its recompute took.
    pub delta: Duration,
    /// When its ttl ends, by the store's clock. A store keeps an entry for as long as it may be
    /// served after that; see [`NewValue::stale`].
    pub expiry: Timestamp,
    /// How long it was valid when it was written: its ttl.
    pub life: Duration,
    /// Until when no reader is to load it anew; see [`Outcome::Postpone`].
    pub retry_at: Option<Timestamp>,
    /// Which entry this is.
    pub revision: Revision,
    /// The moment, by the store's clock.
    pub now: Timestamp,
}

impl Snapshot {
    /// The value that was written as `value` at `written` and is read at `now`.
    pub fn new(value: NewValue, revision: Revision, written: Timestamp, now: Timestamp) -> Self {
        Self {
            payload: value.payload,
            kind: Kind::Value,
            delta: value.delta,
            expiry: written.after(value.ttl),
            life: value.ttl,
            retry_at: None,
            revision,
            now,
        }
    }

    /// The mark "not to be cached" that was written for `life` at `written` and is read at `now`.
    pub fn uncacheable(
        life: Duration,
        revision: Revision,
        written: Timestamp,
        now: Timestamp,
    ) -> Self {
        let nothing = NewValue::new(Bytes::new(), life);
        Self { kind: Kind::Uncacheable, ..Self::new(nothing, revision, written, now) }
    }

    /// Sets until when no reader is to load it anew.
    #[must_use]
    pub fn retry_at(self, retry_at: Option<Timestamp>) -> Self {
        Self { retry_at, ..self }
    }
}

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A value.
    Value,
    /// The mark that the value is not to be cached: as long as it is there, nobody waits for another
    /// process to load the key. It holds no data, and its expiry is its end.
    Uncacheable,
}

/// Tells an entry from the one that was there before: any number that differs when the entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub u64);

/// A value to be written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewValue {
    /// The encoded value.
    pub payload: Bytes,
    /// How long its recompute took.
    pub delta: Duration,
    /// How long it is valid from the moment at which it is written. Between 1 ms and 2^53 ms.
    pub ttl: Duration,
    /// How long it is kept after that, to be served while it is loaded anew or when that fails. With
    /// `ttl` no more than 2^53 ms.
    pub stale: Duration,
}

impl NewValue {
    /// A value that is valid for `ttl`, took no time and is not kept longer.
    pub fn new(payload: impl Into<Bytes>, ttl: Duration) -> Self {
        let payload = payload.into();
        Self { payload, delta: Duration::ZERO, ttl, stale: Duration::ZERO }
    }

    /// Sets how long its recompute took.
    #[must_use]
    pub fn delta(self, delta: Duration) -> Self {
        Self { delta, ..self }
    }

    /// Sets how long it is valid.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// Sets how long it is kept after its ttl.
    #[must_use]
    pub fn stale(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }
}

/// How a load ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// By a value: it becomes the entry, and both slots are emptied.
    Store(NewValue),
    /// In failure: as [`Release`](Self::Release), and the entry, if there is one, gets another revision
    /// and a [`retry_at`](Snapshot::retry_at) so much later.
    Postpone(Duration),
    /// In nothing: the slots are emptied that hold one of the tokens, and no other.
    Release,
    /// By a value that is not to be cached. Both slots are emptied. A value that is valid stays, and is
    /// changed as by [`Postpone`](Self::Postpone); otherwise a mark of that ttl becomes the entry.
    Uncacheable(Duration),
}
