//! Values that a process keeps beside entries which it cannot decode.
//!
//! While two releases of a program run side by side, with types that cannot be decoded as each other, each finds the
//! other's entries. If each overwrote what it finds, nearly every read would be a load. So an entry that does not decode
//! is overwritten once, which also heals one that is damaged. If a newer entry of the key does not decode either, before the
//! ttl of what was written is over, another release writes it too. This process then leaves the entry as it is, and keeps
//! its own value in memory, to be served for as long as it finds the very same entry.
//!
//! Such a value is never older than an invalidation that its reader knows of. It is kept only if its lease was unbroken
//! from before its load until it was kept, so the entry that the lease was asked beside was there all that time. An
//! invalidation, or a newer value, would have taken that entry away, and no later entry has its revision.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::store::{Revision, Timestamp};
use crate::sync::lock;

/// For how many keys at most. Beyond that, entries are overwritten.
const MOST_KEYS: usize = 1_000;

/// The largest value that is kept, in bytes.
const LARGEST: usize = 64 << 10;

/// The values that a process keeps, by key.
#[derive(Default)]
pub(in crate::engine) struct KeptValues(Mutex<HashMap<String, Kept>>);

/// An entry that does not decode, and is of value to somebody else.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Foreign {
    pub(super) revision: Revision,
    /// When its ttl ends.
    pub(super) expiry: Timestamp,
}

/// What is known of a key whose entry did not decode.
struct Kept {
    /// When the ttl of that entry was to end.
    expiry: Timestamp,
    /// The end of the ttl of what this process wrote over it.
    until: Instant,
    /// The value beside the entry of a revision, and the end of its own ttl.
    value: Option<(Revision, Bytes, Instant)>,
}

impl KeptValues {
    /// The value that was kept beside the entry of this revision.
    pub(super) fn beside(&self, key: &str, revision: Revision) -> Option<Bytes> {
        let kept = lock(&self.0);
        let (of, value, until) = kept.get(key)?.value.as_ref()?;
        (*of == revision && *until > Instant::now()).then(|| value.clone())
    }

    /// An entry has been overwritten, with a value that is valid for `ttl`.
    pub(super) fn overwrote(&self, key: &str, entry: Foreign, ttl: Duration) {
        let now = Instant::now();
        let Some(until) = now.checked_add(ttl) else { return };
        let mut kept = lock(&self.0);
        if kept.len() >= MOST_KEYS {
            kept.retain(|_, kept| kept.until > now);
        }
        if kept.len() < MOST_KEYS {
            let expiry = entry.expiry;
            kept.insert(key.to_owned(), Kept { expiry, until, value: None });
        }
    }

    /// Whether a value of `bytes` bytes is to be kept beside an entry, because what was written over an older one has been
    /// overwritten too.
    pub(super) fn is_to_keep(&self, key: &str, entry: Foreign, bytes: usize) -> bool {
        let kept = lock(&self.0);
        let before = kept.get(key).filter(|kept| kept.until > Instant::now());
        bytes <= LARGEST && before.is_some_and(|before| entry.expiry > before.expiry)
    }

    /// Keeps a value beside an entry, for its `ttl` at most.
    pub(super) fn keep(&self, key: &str, entry: Foreign, value: Bytes, ttl: Duration) {
        let Some(until) = Instant::now().checked_add(ttl) else { return };
        if let Some(kept) = lock(&self.0).get_mut(key) {
            kept.value = Some((entry.revision, value, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    /// An entry of this revision, which expires at this second.
    fn foreign(number: u64) -> Foreign {
        let expiry = Timestamp::from_micros(0).after(Duration::from_secs(number));
        Foreign { revision: Revision(number), expiry }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_kept_where_an_entry_was_overwritten_within_its_ttl() {
        let kept = KeptValues::default();
        let (first, next) = (foreign(1), foreign(2));
        assert!(!kept.is_to_keep("k", first, 1), "the first is overwritten");
        kept.overwrote("k", first, TTL);
        assert!(kept.is_to_keep("k", next, LARGEST));
        assert!(!kept.is_to_keep("k", next, LARGEST + 1));
        assert!(!kept.is_to_keep("k", first, 1), "it was not written after that");
        assert!(!kept.is_to_keep("other", next, 1));
        tokio::time::advance(TTL).await;
        assert!(!kept.is_to_keep("k", next, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_belongs_to_one_revision_and_ends_with_its_ttl() {
        let kept = KeptValues::default();
        kept.overwrote("k", foreign(0), TTL);
        kept.keep("k", foreign(1), Bytes::from_static(b"v"), TTL / 2);
        assert_eq!(kept.beside("k", Revision(1)).as_deref(), Some(&b"v"[..]));
        assert_eq!(kept.beside("k", Revision(2)), None);
        assert_eq!(kept.beside("other", Revision(1)), None);
        tokio::time::advance(TTL / 2).await;
        assert_eq!(kept.beside("k", Revision(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_a_bound_and_what_is_over_makes_room() {
        let kept = KeptValues::default();
        for key in 0..MOST_KEYS + 10 {
            kept.overwrote(&key.to_string(), foreign(1), TTL);
        }
        assert_eq!(lock(&kept.0).len(), MOST_KEYS);
        tokio::time::advance(TTL).await;
        kept.overwrote("late", foreign(1), TTL);
        assert_eq!(lock(&kept.0).len(), 1);
    }
}
