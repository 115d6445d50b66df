//! Where chance comes from: the process's generator, or one that a simulation can repeat.

use std::sync::Arc;

/// A source of uniformly distributed numbers.
#[derive(Clone, Default)]
pub(crate) struct Entropy(Option<Arc<Source>>);

type Source = dyn Fn() -> u64 + Send + Sync;

impl Entropy {
    /// The numbers that `source` gives.
    pub(crate) fn of(source: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(source)))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.as_ref().map_or_else(rand::random, |source| source())
    }

    pub(crate) fn fraction(&self) -> f64 {
        fraction(self.number())
    }
}

/// A fraction in [0, 1): as many bits of a number as an `f64` holds.
pub(crate) fn fraction(number: u64) -> f64 {
    const BITS: u32 = f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)] // it has no more bits than that
    let (drawn, range) = ((number >> (u64::BITS - BITS)) as f64, (1_u64 << BITS) as f64);
    drawn / range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_lie_below_one() {
        assert!(Entropy::of(|| 0).fraction().abs() < f64::EPSILON);
        let largest = Entropy::of(|| u64::MAX).fraction();
        assert!(largest < 1.0 && largest > 1.0 - 1e-15);
    }
}
