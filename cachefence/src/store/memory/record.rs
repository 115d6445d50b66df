//! Entries as the memory store holds them: the times and the payload in one piece of memory.
//!
//! So a place in the tables is small, and an entry is two allocations, its key and its record. The payload is copied: what
//! a load encodes mostly has room to spare, which would be held and not counted.

use std::time::Duration;

use bytes::{Buf as _, Bytes};

use crate::store::{Kind, Revision, Snapshot, Timestamp};

/// One entry.
#[derive(Clone)]
pub(super) struct Record(Bytes);

/// The header: until when the entry is kept, its expiry, its revision, its retry-at (0 is none), and the seconds of life and of
/// delta; then the nanoseconds of life and of delta, whether this is a mark, and nothing.
struct Header([u64; LONG], [u32; SHORT]);

const LONG: usize = 6;
const SHORT: usize = 4;

/// The bytes before the payload.
pub(super) const HEADER: usize = 8 * LONG + 4 * SHORT;

impl Record {
    /// The entry `found`, which is kept until `until`.
    pub(super) fn new(found: &Snapshot, until: Timestamp) -> Self {
        let long: [u64; LONG] = [
            until.as_micros(),
            found.expiry.as_micros(),
            found.revision.0,
            found.retry_at.map_or(0, Timestamp::as_micros),
            found.life.as_secs(),
            found.delta.as_secs(),
        ];
        let is_mark = found.kind == Kind::Uncacheable;
        let short: [u32; SHORT] =
            [found.life.subsec_nanos(), found.delta.subsec_nanos(), is_mark.into(), 0];
        let mut bytes = Vec::with_capacity(HEADER + found.payload.len());
        bytes.extend(long.into_iter().flat_map(u64::to_ne_bytes));
        bytes.extend(short.into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend_from_slice(&found.payload);
        Self(bytes.into())
    }

    /// The entry as it is at `now`; `None` if it is not kept any more.
    pub(super) fn at(mut self, now: Timestamp) -> Option<Snapshot> {
        let Header(long, [life_nanos, delta_nanos, is_mark, _]) = self.header()?;
        let [until, expiry, revision, retry_at, life, delta] = long;
        if until <= now.as_micros() {
            return None;
        }
        self.0.advance(HEADER);
        Some(Snapshot {
            payload: self.0,
            kind: if is_mark == 0 { Kind::Value } else { Kind::Uncacheable },
            delta: Duration::new(delta, delta_nanos),
            expiry: Timestamp::from_micros(expiry),
            life: Duration::new(life, life_nanos),
            retry_at: (retry_at != 0).then(|| Timestamp::from_micros(retry_at)),
            revision: Revision(revision),
            now,
        })
    }

    /// Until when the entry is kept.
    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_micros(self.header().map_or(0, |Header([until, ..], _)| until))
    }

    /// The bytes of the payload.
    pub(super) fn len(&self) -> usize {
        self.0.len().saturating_sub(HEADER)
    }

    fn header(&self) -> Option<Header> {
        let header = self.0.first_chunk::<HEADER>()?;
        let ((long, _), (short, _)) = (header.as_chunks::<8>(), header.as_chunks::<4>());
        Some(Header(
            std::array::from_fn(|word| u64::from_ne_bytes(long[word])),
            std::array::from_fn(|word| u32::from_ne_bytes(short[2 * LONG + word])),
        ))
    }
}
