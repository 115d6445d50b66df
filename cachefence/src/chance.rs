//! Chance: random numbers from the generators of `uuid` and `rand`, or from one that a simulation can
//! repeat.

use std::fmt;
use std::sync::{Arc, Mutex};

use rand::{Rng, RngExt as _};
use uuid::{Builder, Uuid};

use crate::sync::lock;

/// A source of tokens, of draws and of jitter.
///
/// By default tokens come from the operating system's generator and all else from `rand`'s generator
/// of the thread. An injected generator gives both, in the order in which they are asked for.
#[derive(Clone, Default)]
pub(crate) struct Chance(Option<Arc<Injected>>);

type Injected = Mutex<dyn Rng + Send>;

impl Chance {
    /// Chance that is drawn from `generator`, so that its seed repeats a whole run.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn of(generator: impl Rng + Send + 'static) -> Self {
        Self(Some(Arc::new(Mutex::new(generator))))
    }

    /// A number of 64 random bits.
    pub(crate) fn number(&self) -> u64 {
        self.0.as_ref().map_or_else(|| rand::rng().random(), |injected| lock(injected).next_u64())
    }

    /// A fraction, uniform in [0, 1).
    pub(crate) fn fraction(&self) -> f64 {
        fraction(self.number())
    }

    /// A UUID of version 4 that nobody has drawn before.
    pub(crate) fn uuid(&self) -> Uuid {
        let Some(injected) = &self.0 else { return Uuid::new_v4() };
        let mut bytes = [0; 16];
        lock(injected).fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// A fraction in [0, 1): as many bits of a number as an `f64` holds.
pub(crate) fn fraction(number: u64) -> f64 {
    const BITS: u32 = f64::MANTISSA_DIGITS;
    #[allow(clippy::cast_precision_loss)] // it has no more bits than that
    let (drawn, range) = ((number >> (u64::BITS - BITS)) as f64, (1_u64 << BITS) as f64);
    drawn / range
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chance").field("injected", &self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    #[test]
    fn what_is_injected_gives_everything_again_from_its_seed() {
        let drawn = || {
            let chance = Chance::of(StdRng::seed_from_u64(7));
            (chance.number(), chance.uuid(), chance.clone().fraction().to_bits())
        };
        assert_eq!(drawn(), drawn());
        assert_eq!(drawn().1.get_version_num(), 4);
    }

    #[test]
    fn nothing_is_drawn_twice() {
        let chance = Chance::default();
        assert_ne!(chance.number(), chance.number());
        assert_ne!(chance.uuid(), chance.uuid());
    }

    #[test]
    fn fractions_lie_below_one() {
        assert!(fraction(0).abs() < f64::EPSILON);
        let largest = fraction(u64::MAX);
        assert!(largest < 1.0 && largest > 1.0 - 1e-15);
    }
}
