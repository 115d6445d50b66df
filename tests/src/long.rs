//! The variables by which the environment asks a test to run for longer, or for one seed alone.

/// Whether `CACHEFENCE_LONG=1` asks for the long forms; see `.ci/long`.
#[must_use]
pub fn is_long() -> bool {
    std::env::var_os("CACHEFENCE_LONG").is_some_and(|value| value == "1")
}

/// The one seed that `CACHEFENCE_SEED=n` asks for, which a failure has printed.
///
/// # Panics
///
/// When it is no number.
#[must_use]
pub fn chosen_seed() -> Option<u64> {
    let seed = std::env::var("CACHEFENCE_SEED").ok()?;
    Some(seed.parse().expect("CACHEFENCE_SEED is a number"))
}
