//! An annotated function beside its plain twin.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often the body of an annotated function has run; `static BODIES: Bodies = Bodies::new();`.
#[derive(Debug, Default)]
pub struct Bodies(AtomicU32);

impl Bodies {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Counts one that runs; returns its number, from 1.
    pub fn ran(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many have run.
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts a body that runs.
pub fn ran(bodies: &AtomicU32) {
    bodies.fetch_add(1, Ordering::Relaxed);
}

/// Asserts that `cached` gives what its twin gives, twice, and runs its body once.
///
/// # Panics
///
/// When it does not.
pub async fn assert_twins<T: PartialEq + Debug>(
    bodies: &AtomicU32,
    mut plain: impl AsyncFnMut() -> T,
    mut cached: impl AsyncFnMut() -> T,
) {
    let expected = plain().await;
    assert_eq!(bodies.swap(0, Ordering::Relaxed), 1, "the plain twin counts its body");
    assert_eq!(cached().await, expected, "the first call");
    assert_eq!(cached().await, expected, "the second call");
    assert_eq!(bodies.load(Ordering::Relaxed), 1, "bodies of two calls");
}
