//! Medians, and ratios of what was measured together.

use serde::{Deserialize, Serialize};

/// The value below which a share of the sorted `values` lies; NaN if there are none.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor(), place.ceil());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the slice
    let (low, high) = (sorted[below as usize], sorted[above as usize]);
    low + (high - low) * (place - below)
}

/// `values` from the least to the greatest.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The median of `values`.
pub fn median(values: &[f64]) -> f64 {
    percentile(&sorted(values.to_vec()), 0.5)
}

/// A median, and the two values between which half of all values lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the values are below this.
    pub p25: f64,
    /// Half of the values are below this.
    pub median: f64,
    /// Three quarters of the values are below this.
    pub p75: f64,
}

impl Spread {
    /// The spread of `values`.
    pub fn of(values: Vec<f64>) -> Self {
        let values = sorted(values);
        Self {
            p25: percentile(&values, 0.25),
            median: percentile(&values, 0.5),
            p75: percentile(&values, 0.75),
        }
    }

    /// The spread of the ratios of `values` to `floors`, which were measured next to each other.
    pub fn of_pairs(values: &[f64], floors: &[f64]) -> Self {
        Self::of(values.iter().zip(floors).map(|(value, floor)| value / floor).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_ratio_pairs_what_was_measured_together() {
        let ratio = Spread::of_pairs(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]);
        assert!((ratio.p25 - 2.0).abs() < 1e-9 && (ratio.p75 - 2.0).abs() < 1e-9);
    }
}
