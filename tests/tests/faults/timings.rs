//! How long calls took, against what they may take.

use std::fmt;
use std::time::Duration;

use super::desk::{BODY, OP_TIMEOUT};

/// The times of some calls, in order of length.
#[derive(Default)]
pub(crate) struct Timings(Vec<Duration>);

/// What a machine that is busy with other things may add.
const NOISE: u32 = 4;

impl Timings {
    pub(crate) fn add(&mut self, more: Vec<Duration>) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    pub(crate) fn join(&mut self, Self(more): Self) {
        self.add(more);
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    pub(crate) fn longest(&self) -> Duration {
        self.at(100)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// That no call waited for the store for much longer than one operation may take, besides the
    /// bodies that it waited for: its own, and the one under way when it came.
    #[track_caller]
    pub(crate) fn assert_bounded(&self, what: &str) {
        println!("{what}: {self}");
        let most = 2 * BODY + OP_TIMEOUT;
        assert!(self.at(99) <= most + OP_TIMEOUT / 2, "{what}: {self}");
        assert!(self.at(100) <= most + NOISE * OP_TIMEOUT, "{what}: {self}");
    }

    /// That the store cost the calls next to nothing.
    #[track_caller]
    pub(crate) fn assert_undelayed(&self, what: &str) {
        println!("{what}: {self}");
        assert!(self.at(50) <= 2 * BODY + OP_TIMEOUT / 4, "{what}: {self}");
        assert!(self.at(90) <= 2 * BODY + OP_TIMEOUT / 2, "{what}: {self}");
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, most] = [50, 99, 100].map(|percent| self.at(percent));
        write!(f, "{} calls, p50 {median:.1?}, p99 {p99:.1?}, max {most:.1?}", self.len())
    }
}
