//! Which keys hold large values.
//!
//! Replies on one connection come one after another, so while a large value arrives, every hit behind it waits.
//! Its reader therefore asks over another lane. How large a value is shows when it has arrived, when this
//! process stores it, or by its beginning, for which a read asks whose reply is late although bytes keep coming.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::key::Key;

/// The size, in bytes, from which on a value is large. It takes a millisecond on a network of 1 Gbit/s.
pub(super) const LARGE: usize = 128 * 1024;

/// How many large keys are remembered at the most.
const MOST: usize = 1_024;

/// The keys that were last seen to hold large values, by their fingerprints: each has one place that it may take.
pub(super) struct LargeKeys {
    /// Whether there ever was one. Most caches hold no large values, and their hits look no further.
    any: AtomicBool,
    places: Box<[AtomicU64]>,
}

impl LargeKeys {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(MOST).collect();
        Self { any: AtomicBool::new(false), places }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.any.load(Ordering::Relaxed) && {
            let (place, fingerprint) = self.place(key);
            place.load(Ordering::Relaxed) == fingerprint
        }
    }

    pub(super) fn insert(&self, key: &Key) {
        let (place, fingerprint) = self.place(key);
        place.store(fingerprint, Ordering::Relaxed);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Takes in that the value of `key` has `bytes` bytes.
    pub(super) fn learn(&self, key: &Key, bytes: usize) {
        if bytes >= LARGE {
            self.insert(key);
        } else if self.contains(key) {
            self.place(key).0.store(0, Ordering::Relaxed);
        }
    }

    fn place(&self, key: &Key) -> (&AtomicU64, u64) {
        let fingerprint = key.fingerprint();
        let most = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(fingerprint % most).unwrap_or_default();
        (&self.places[index], fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_large_for_as_long_as_its_values_are() {
        let (keys, [one, other]) =
            (LargeKeys::new(), ["one", "other"].map(|name| Key::given("", name).0));
        keys.learn(&one, LARGE - 1);
        assert!(!keys.contains(&one));
        keys.learn(&one, LARGE);
        assert!(keys.contains(&one) && !keys.contains(&other));
        keys.learn(&other, 1);
        assert!(keys.contains(&one), "another key says nothing of it");
        keys.learn(&one, 1);
        assert!(!keys.contains(&one));
    }
}
