//! What the programs share: a real database, cache-aside as it is usually written, and percentiles.

pub mod database;
pub mod naive;
pub mod times;

/// Any error, for programs that only show it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The README's examples compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
