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
mod types;
mod version;
mod what_is_cached;

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cachefence::store::{Acquire, Acquired};
use cachefence::testing;
use cachefence::{CacheFence, Error, KeyPart, MAX_WHOLE_KEY_BYTES, PartWriter, cachefence};
use cachefence_tests::Bodies;
use tokio::time::{Instant, advance, sleep};
