//! An entry as it is found, with its times.

use std::time::Duration;

use crate::store::Snapshot;

/// A value that is in a cache, with its age and what is left of its ttl; from
/// [`Entry::inspect`](crate::Entry::inspect), which has an example.
///
/// The times are by the store's clock, at the moment of the read. No worker's wall clock has a part in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected<T> {
    /// The value.
    pub value: T,
    /// How long ago the value was stored.
    pub age: Duration,
    /// For how much longer the value is valid; zero if it is [stale](Self::is_stale).
    pub remaining_ttl: Duration,
}

impl<T> Inspected<T> {
    pub(crate) fn new(value: T, entry: &Snapshot) -> Self {
        let remaining_ttl = entry.expiry.since(entry.now).unwrap_or_default();
        let overdue = entry.now.since(entry.expiry).unwrap_or_default();
        let age = entry.life.saturating_sub(remaining_ttl).saturating_add(overdue);
        Self { value, age, remaining_ttl }
    }

    /// Whether the value is past its ttl. Such a value is served within a stale window only.
    pub fn is_stale(&self) -> bool {
        self.remaining_ttl.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewValue, Revision, Timestamp};

    fn read(after_ms: u64) -> Inspected<()> {
        let written = Timestamp::from_micros(7_000_000);
        let now = written.after(Duration::from_millis(after_ms));
        let value = NewValue::new("", Duration::from_secs(10));
        Inspected::new((), &Snapshot::new(value, Revision(1), written, now))
    }

    #[test]
    fn age_and_remaining_ttl_are_the_ttl_together_until_that_is_over() {
        let ms = Duration::from_millis;
        for (after, age, remaining) in [
            (0, 0, 10_000),
            (1, 1, 9_999),
            (9_999, 9_999, 1),
            (10_000, 10_000, 0),
            (12_345, 12_345, 0),
        ] {
            let read = read(after);
            assert_eq!((read.age, read.remaining_ttl), (ms(age), ms(remaining)), "{after} ms");
            assert_eq!(read.is_stale(), after >= 10_000, "{after} ms");
        }
    }
}
