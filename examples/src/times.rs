//! Times as figures.

use std::time::Duration;

/// Returns the smallest value that at least `percent` of all are not above; zero when there is none.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Returns the time in milliseconds, to the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred = times(1..=100);
        assert_eq!(percentile(&hundred, 50), Duration::from_millis(50));
        assert_eq!(percentile(&hundred, 99), Duration::from_millis(99));
        assert_eq!(percentile(&hundred, 100), Duration::from_millis(100));
        assert_eq!(percentile(&times([7]), 50), Duration::from_millis(7));
        assert_eq!(percentile(&times([7]), 99), Duration::from_millis(7));
        assert_eq!(percentile(&times([1, 2, 3]), 50), Duration::from_millis(2));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
