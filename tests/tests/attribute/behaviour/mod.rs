//! What an annotated function does: what it caches, under which key, for how long, where.

#![allow(clippy::unnecessary_wraps, clippy::unused_async)] // the bodies are as short as can be

mod beta;
mod cache;
mod keys;
mod lifetimes;
mod locks;
mod no_companion;
mod refresh;
mod the_companion;
mod the_crate;
mod ttl;
mod what_is_cached;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachefence::store::{Acquire, Acquired};
use cachefence::testing;
use cachefence::{CacheFence, Error, KeyPart, MAX_WHOLE_KEY_BYTES, PartWriter, cachefence};
use tokio::time::{Instant, advance, sleep};

/// Counts the bodies that run.
#[derive(Default)]
struct Bodies(AtomicU32);

impl Bodies {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number of this one, from 1.
    fn ran(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
