//! Entries: as they are read, and as they are written.
//!
//! A store holds at most one entry for each key: a value, or the mark that the value is not to be
//! cached. A [`Snapshot`] is an entry as it was read, together with the store's time, so that the
//! reader needs no clock of its own. A [`NewValue`] is a value to be written, and an [`Outcome`] the
//! end of a load, by which entries are written.

use std::time::Duration;

use bytes::Bytes;

use super::Timestamp;

/// An entry as the store held it at one moment.
///
/// ```
/// use cachefence::store::{Kind, NewValue, Revision, Snapshot, Timestamp};
/// use std::time::Duration;
///
/// let [second, minute] = [1, 60].map(Duration::from_secs);
/// let written = Timestamp::from_micros(5_000_000);
/// let now = written.after(second);
///
/// let value = NewValue::new("ann", minute);
/// let entry = Snapshot::new(value, Revision(1), written, now).retry_at(None);
/// assert_eq!(entry.kind, Kind::Value);
/// assert_eq!(entry.expiry.since(now), Some(minute - second));
///
/// let mark = Snapshot::uncacheable(second, Revision(2), written, now);
/// assert_eq!(mark.kind, Kind::Uncacheable);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The encoded value; nothing in a mark.
    pub payload: Bytes,
    /// A value, or the mark that there is none.
    pub kind: Kind,
    /// How long the value's recompute took.
    pub delta: Duration,
    /// When the entry's ttl ends, by the store's clock. A store keeps the entry for as long as it may
    /// be served after that; see [`NewValue::stale`].
    pub expiry: Timestamp,
    /// The ttl with which the entry was written.
    pub life: Duration,
    /// Until when no reader is to load the entry anew; see [`Outcome::Postpone`].
    pub retry_at: Option<Timestamp>,
    /// The entry's revision, which tells it from others under the same key.
    pub revision: Revision,
    /// When the entry was read, by the store's clock.
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

    /// Whether this is a value, and valid.
    pub(crate) fn is_valid_value(&self) -> bool {
        self.kind == Kind::Value && self.expiry > self.now
    }

    /// Sets until when no reader is to load the entry anew.
    #[must_use]
    pub fn retry_at(self, retry_at: Option<Timestamp>) -> Self {
        Self { retry_at, ..self }
    }
}

/// Whether an entry is a value or a mark: a part of a [`Snapshot`], which has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A value.
    Value,
    /// The mark that the value is not to be cached: as long as the mark is there, nobody waits for
    /// another process to load the key. A mark holds no data, and is gone when it expires.
    Uncacheable,
}

/// Tells an entry from the one that was there before it: any number that changes whenever the entry
/// does. [`Snapshot`] has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub u64);

/// A value to be written.
///
/// ```
/// use cachefence::store::NewValue;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let value = NewValue::new("ann", minute).delta(Duration::from_millis(30)).stale(60 * minute);
/// assert_eq!(value.clone().ttl(2 * minute).payload, value.payload);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewValue {
    /// The encoded value.
    pub payload: Bytes,
    /// How long the value's recompute took.
    pub delta: Duration,
    /// How long the value is valid, from the moment at which it is written. Between 1 ms and 2^53 ms.
    pub ttl: Duration,
    /// How long the value is kept after its ttl, to be served while it is loaded anew or when that load
    /// fails. `ttl` and `stale` together are at most 2^53 ms.
    pub stale: Duration,
}

impl NewValue {
    /// A value that is valid for `ttl`. Its `delta` and `stale` are zero.
    pub fn new(payload: impl Into<Bytes>, ttl: Duration) -> Self {
        let payload = payload.into();
        Self { payload, delta: Duration::ZERO, ttl, stale: Duration::ZERO }
    }

    /// Sets how long the value's recompute took.
    #[must_use]
    pub fn delta(self, delta: Duration) -> Self {
        Self { delta, ..self }
    }

    /// Sets how long the value is valid.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// Sets how long the value is kept after its ttl.
    #[must_use]
    pub fn stale(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }
}

/// How a load ended; [`Store`](super::Store) has an example. A store treats an outcome that it does not know as a
/// [`Release`](Self::Release).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// With a value, which becomes the entry. Both slots are emptied.
    Store(NewValue),
    /// With a failure: as [`Release`](Self::Release), and the entry, if there is one, gets another
    /// revision and a [`retry_at`](Snapshot::retry_at) this long from now.
    Postpone(Duration),
    /// With nothing: the slots that hold one of the tokens are emptied, and no other.
    Release,
    /// With a value that is not to be cached. Both slots are emptied. If the entry is a valid value, it
    /// stays, and is changed as by [`Postpone`](Self::Postpone); otherwise a mark with this ttl becomes
    /// the entry.
    Uncacheable(Duration),
}
