//! Chance, from a seed.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rand_core::utils;

/// `SplitMix64`: the same numbers from the same seed, whatever else changes.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own for each `use_of` a seed.
    pub(crate) fn new(seed: u64, use_of: &[u64]) -> Self {
        let mut dice = Self(seed);
        for use_of in use_of {
            dice = Self(dice.next() ^ use_of.wrapping_mul(0xd6e8_feb8_6659_fd93));
        }
        dice
    }

    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn number(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).expect("less than a usize")
    }

    /// A whole number of milliseconds.
    pub(crate) fn millis(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let millis = |of: &Duration| u64::try_from(of.as_millis()).expect("a run is short");
        Duration::from_millis(self.number(millis(range.start())..=millis(range.end())))
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

/// The cache under test draws from dice as well.
impl rand::TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        utils::fill_bytes_via_next_word(bytes, || Ok(self.next()))
    }
}
