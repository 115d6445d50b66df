//! Moments of a store's clock.

use std::time::Duration;

/// A moment of the store's own clock, in microseconds since an epoch of its choice.
///
/// Only moments of the same store can be compared. A worker's wall clock never gives one.
///
/// ```
/// use cachefence::store::Timestamp;
/// use std::time::Duration;
///
/// let written = Timestamp::from_micros(5_000_000);
/// let expiry = written.after(Duration::from_secs(60));
/// assert_eq!(expiry.as_micros(), 65_000_000);
/// assert_eq!(expiry.since(written), Some(Duration::from_secs(60)));
/// assert_eq!(written.since(expiry), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The moment `later` after this one; the last moment there is, if that is too far.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this moment; `None` if this one is not later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (self > earlier).then(|| Duration::from_micros(self.0 - earlier.0))
    }
}
