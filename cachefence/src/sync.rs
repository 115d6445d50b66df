//! The types that a flight is built on, named in one place, because the exploration of its
//! interleavings compiles `engine/flight` against the same names of `shuttle`.

/// A hasher that is seeded at random, at a quarter of the cost of the standard one.
pub(crate) use quick_cache::DefaultHashBuilder;
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
