//! The primitives that a flight is built on, named in one place: the exploration of its
//! interleavings compiles `engine/flight` against the same names of `shuttle`.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
