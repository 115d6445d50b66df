//! When a cached value is used as it is, refreshed ahead of time, or gone: `XFetch`.
//!
//! Optimal probabilistic early expiration, from A. Vattani, F. Chierichetti and K. Lowenstein,
//! "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015, section 3: a reader
//! recomputes ahead of time when
//!
//! ```text
//! now - delta * beta * ln(u) >= expiry        u uniform in (0, 1]
//! ```
//!
//! `-ln(u)` is exponentially distributed, so with `r` of its life left a value is refreshed by a
//! given reader with the probability exp(-r / (delta * beta)): almost never while it is young,
//! surely at its end, and the earlier the more expensive it is to load. Many readers draw
//! independently, and the first to draw high refreshes for all.

use std::time::Duration;

use crate::chance;
use crate::options::Windows;
use crate::store::Timestamp;

/// How fresh a value that was found is, and so what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Valid: serve it.
    Fresh,
    /// Valid, but this reader has been drawn to refresh it.
    Early,
    /// Past its ttl: serve it to all but one reader, which loads it anew.
    Revalidate,
    /// Past its ttl: serve it if it cannot be loaded.
    IfError,
    /// Gone: do not serve it.
    Expired,
}

/// The times that a value carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// How long the value's recompute took.
    pub(crate) delta: Duration,
    /// When the value's ttl ends, by the store's clock.
    pub(crate) expiry: Timestamp,
    /// Until when the value is not to be loaded again, because a load has failed.
    pub(crate) retry_at: Option<Timestamp>,
}

/// Decides how fresh a value is, by the store's time `now` and by a draw `u`, uniform in (0, 1], which is
/// made only where it matters.
///
/// A `beta` of 0 never refreshes early. A value whose load failed is not loaded again before its
/// `retry_at`, as long as it may be served.
pub(crate) fn freshness(
    life: Life,
    beta: f64,
    stale: Windows,
    now: Timestamp,
    u: impl FnOnce() -> f64,
) -> Freshness {
    let held_off = life.retry_at.is_some_and(|retry_at| retry_at > now);
    if let Some(remaining) = life.expiry.since(now) {
        let (delta, remaining) = (life.delta.as_secs_f64() * beta, remaining.as_secs_f64());
        // Most of the time not even the highest draw would be high enough, and none is made.
        let may_be_early = delta * HIGHEST >= remaining && !held_off;
        let early = may_be_early && delta * -u().ln() >= remaining;
        return if early { Freshness::Early } else { Freshness::Fresh };
    }
    match now.since(life.expiry).unwrap_or_default() {
        age if held_off && age < stale.longest() => Freshness::Fresh,
        age if age < stale.while_revalidate => Freshness::Revalidate,
        age if age < stale.if_error => Freshness::IfError,
        _ => Freshness::Expired,
    }
}

/// The highest `-ln(u)`: a draw is 2^-53 at least.
const HIGHEST: f64 = f64::MANTISSA_DIGITS as f64 * std::f64::consts::LN_2;

/// The draws of one process: the same for all its readers of a key within a moment.
///
/// In the paper every reader draws. Where readers are many, the first of them to draw high comes early:
/// at 200,000 reads a second of a value that takes 50 ms, half a second ahead, and the loads of a 1
/// second ttl come almost twice as often. So readers share a draw for a 64th of delta. That is as good as
/// certain to refresh in time (none of the draws of the last delta would have to be high) and comes
/// 4 delta ahead, however many read. It also draws without a generator and without state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    seed: u64,
}

impl Draws {
    const PER_DELTA: u64 = 64;

    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number that is uniform in (0, 1] over keys, moments and processes.
    pub(crate) fn draw(self, fingerprint: u64, delta: Duration, now: Timestamp) -> f64 {
        let delta = u64::try_from(delta.as_micros()).unwrap_or(u64::MAX);
        let moment = now.as_micros() / (delta / Self::PER_DELTA).max(1);
        1.0 - chance::fraction(mix(mix(self.seed ^ fingerprint).wrapping_add(moment)))
    }
}

/// The finalizer of `SplitMix64` (G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014, figure 17).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The share of a ttl that a stored delta may reach.
///
/// A worker that is starved of CPU measures its own starvation: a delta inflated a hundredfold
/// would have every reader refresh all the time, which starves it further. A load that honestly
/// takes longer than this is refreshed a little later than the paper would have it.
const LARGEST_DELTA: u32 = 10;

/// The delta that is stored with a value whose recompute took `measured`.
pub(crate) fn capped_delta(measured: Duration, ttl: Duration) -> Duration {
    measured.min(ttl / LARGEST_DELTA)
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)] // small counts and times
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    const EXPIRY: Timestamp = Timestamp::from_micros(1_000_000_000);

    const NO_WINDOWS: Windows =
        Windows { while_revalidate: Duration::ZERO, if_error: Duration::ZERO };

    fn at(remaining_ms: u64) -> Timestamp {
        Timestamp::from_micros(EXPIRY.as_micros() - remaining_ms * 1_000)
    }

    fn life(delta_ms: u64) -> Life {
        Life { delta: Duration::from_millis(delta_ms), expiry: EXPIRY, retry_at: None }
    }

    #[test]
    fn it_is_the_formula_of_the_paper() {
        let (delta, beta) = (0.05_f64, 1.5_f64);
        for remaining_ms in [1_u64, 10, 50, 100, 500, 5_000] {
            for u in [1e-12, 1e-6, 0.01, 0.2, 0.5, 0.9, 1.0] {
                // Times relative to the expiry, as the formula stands in the paper.
                let now = -(remaining_ms as f64) / 1_000.0;
                let early = now - delta * beta * f64::ln(u) >= 0.0;
                let expected = if early { Freshness::Early } else { Freshness::Fresh };
                assert_eq!(
                    freshness(life(50), beta, NO_WINDOWS, at(remaining_ms), || u),
                    expected,
                    "{remaining_ms} ms left, u = {u}"
                );
            }
        }
    }

    #[test]
    fn past_its_expiry_it_is_expired_whatever_was_drawn() {
        assert_eq!(freshness(life(50), 1.0, NO_WINDOWS, EXPIRY, || 1.0), Freshness::Expired);
        let later = Timestamp::from_micros(EXPIRY.as_micros() + 1);
        assert_eq!(freshness(life(0), 0.0, NO_WINDOWS, later, || 0.5), Freshness::Expired);
    }

    #[test]
    fn without_beta_or_delta_nothing_is_refreshed_early() {
        assert_eq!(freshness(life(50), 0.0, NO_WINDOWS, at(1), || 1e-300), Freshness::Fresh);
        assert_eq!(freshness(life(0), 1.0, NO_WINDOWS, at(1), || 1e-300), Freshness::Fresh);
    }

    #[test]
    fn over_100_000_draws_the_early_share_is_exponential() {
        const DRAWS: u32 = 100_000;
        let mut rng = StdRng::seed_from_u64(7);
        for (delta_ms, beta, remaining_ms) in
            [(50, 1.0, 10), (50, 1.0, 50), (50, 1.0, 200), (100, 2.0, 300), (20, 0.5, 25)]
        {
            let early = (0..DRAWS)
                .filter(|_| {
                    let u = 1.0 - rng.random::<f64>();
                    freshness(life(delta_ms), beta, NO_WINDOWS, at(remaining_ms), || u)
                        == Freshness::Early
                })
                .count();
            let share = early as f64 / f64::from(DRAWS);
            let expected = (-(remaining_ms as f64) / (delta_ms as f64 * beta)).exp();
            // Four standard deviations of a binomial share.
            let error = 4.0 * (expected * (1.0 - expected) / f64::from(DRAWS)).sqrt();
            assert!((share - expected).abs() <= error, "{share} is not {expected} +- {error}");
        }
    }

    #[test]
    fn a_stored_delta_is_a_tenth_of_the_ttl_at_most() {
        let ttl = Duration::from_secs(60);
        assert_eq!(capped_delta(Duration::from_millis(50), ttl), Duration::from_millis(50));
        assert_eq!(capped_delta(Duration::from_secs(50), ttl), Duration::from_secs(6));
    }

    fn after(late_ms: u64) -> Timestamp {
        EXPIRY.after(Duration::from_millis(late_ms))
    }

    #[test]
    fn the_windows_follow_the_ttl() {
        let windows = |revalidate, error| Windows {
            while_revalidate: Duration::from_millis(revalidate),
            if_error: Duration::from_millis(error),
        };
        let judge = |windows, late_ms| freshness(life(50), 1.0, windows, after(late_ms), || 0.5);
        for (window, late, expected) in [
            (windows(100, 0), 0, Freshness::Revalidate),
            (windows(100, 0), 99, Freshness::Revalidate),
            (windows(100, 0), 100, Freshness::Expired),
            (windows(0, 100), 99, Freshness::IfError),
            (windows(0, 100), 100, Freshness::Expired),
            (windows(50, 100), 49, Freshness::Revalidate),
            (windows(50, 100), 50, Freshness::IfError),
            (windows(100, 50), 60, Freshness::Revalidate),
        ] {
            assert_eq!(judge(window, late), expected, "{window:?} after {late} ms");
        }
    }

    #[test]
    fn what_failed_is_not_tried_again_before_its_time() {
        let windows = Windows { if_error: Duration::from_secs(1), ..NO_WINDOWS };
        let failed = Life { retry_at: Some(after(100)), ..life(50) };
        let judge = |windows, now, u| freshness(failed, 1.0, windows, now, || u);
        assert_eq!(judge(windows, at(1), 1e-300), Freshness::Fresh, "no early refresh");
        assert_eq!(judge(windows, after(99), 0.5), Freshness::Fresh);
        assert_eq!(judge(windows, after(100), 0.5), Freshness::IfError);
        assert_eq!(judge(NO_WINDOWS, after(99), 0.5), Freshness::Expired, "it may not be served");
    }

    #[test]
    fn a_draw_is_shared_for_a_moment_and_no_longer() {
        let draws = Draws::new(1);
        let delta = Duration::from_micros(6_400);
        let draw =
            |draws: Draws, key, micros| draws.draw(key, delta, Timestamp::from_micros(micros));
        let first = draw(draws, 7, 1_000_000);
        assert!(
            (0..100).all(|later| draw(draws, 7, 1_000_000 + later).to_bits() == first.to_bits())
        );
        for other in [
            draw(draws, 7, 1_000_100),
            draw(draws, 8, 1_000_000),
            draw(Draws::new(2), 7, 1_000_000),
        ] {
            assert_ne!(other.to_bits(), first.to_bits());
        }
    }

    /// Kolmogorov and Smirnov's test, at a level of one in a million.
    #[test]
    fn draws_are_uniform() {
        const DRAWS: u32 = 100_000;
        let uniform = |draw: &dyn Fn(u64) -> f64| {
            let mut drawn: Vec<f64> = (0..DRAWS).map(|at| draw(at.into())).collect();
            drawn.sort_by(f64::total_cmp);
            assert!(drawn[0] > 0.0 && *drawn.last().unwrap() <= 1.0);
            let apart = drawn
                .iter()
                .zip(1_u32..)
                .map(|(drawn, rank)| (drawn - f64::from(rank) / f64::from(DRAWS)).abs());
            let apart = apart.fold(0.0, f64::max);
            assert!(apart < 2.7 / f64::from(DRAWS).sqrt(), "{apart}");
        };
        let draws = Draws::new(3);
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let delta = Duration::from_millis(50);
        uniform(&|at| draws.draw(5, delta, now.after(Duration::from_millis(at))));
        uniform(&|at| draws.draw(at, delta, now));
        uniform(&|at| Draws::new(at).draw(5, delta, now));
    }
}
