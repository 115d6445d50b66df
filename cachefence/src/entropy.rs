//! Where chance comes from: the process's generator, or one that a simulation can repeat.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

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
        self.0.as_ref().map_or_else(number, |source| source())
    }

    pub(crate) fn fraction(&self) -> f64 {
        fraction(self.number())
    }
}

/// The process's next number: `SipHash`, keyed by the 128 bits that the standard library asks the system
/// for, of a counter. A keyed hash of distinct inputs is what a generator is made of, and this one is
/// there already.
fn number() -> u64 {
    static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    KEYED.hash_one(COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A fraction in [0, 1): as many bits of a number as an `f64` holds.
pub(crate) fn fraction(number: u64) -> f64 {
    const BITS: u32 = f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)] // it has no more bits than that
    let (drawn, range) = ((number >> (u64::BITS - BITS)) as f64, (1_u64 << BITS) as f64);
    drawn / range
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)] // small counts
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice_and_each_bit_is_as_often_one_as_zero() {
        const NUMBERS: u32 = 100_000;
        let numbers: std::collections::HashSet<_> =
            (0..NUMBERS).map(|_| Entropy::default().number()).collect();
        assert_eq!(numbers.len(), NUMBERS as usize);
        for bit in 0..u64::BITS {
            let ones = numbers.iter().filter(|number| *number >> bit & 1 == 1).count();
            // Six standard deviations of a binomial count.
            let half = f64::from(NUMBERS) / 2.0;
            assert!((ones as f64 - half).abs() < 6.0 * (half / 2.0).sqrt(), "bit {bit}: {ones}");
        }
    }

    #[test]
    fn fractions_lie_below_one() {
        assert!(Entropy::of(|| 0).fraction().abs() < f64::EPSILON);
        let largest = Entropy::of(|| u64::MAX).fraction();
        assert!(largest < 1.0 && largest > 1.0 - 1e-15);
    }
}
