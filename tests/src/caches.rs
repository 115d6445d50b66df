//! The caches that tests use.

use std::sync::Arc;

use cachefence::{Builder, CacheFence};

use crate::log::watch;
use crate::{DEADLINE, Loads, Network, RedisServer, Staged};

/// A cache on a store that the test controls, without early refreshes.
///
/// # Panics
///
/// When `options` sets one that cannot be.
pub fn cache_on(staged: &Arc<Staged>, options: impl FnOnce(Builder) -> Builder) -> CacheFence {
    watch();
    let builder = CacheFence::builder().store(Network(Arc::clone(staged))).beta(0.0);
    options(builder).build_lazy().expect("options that can be")
}

/// Two caches with one store: two processes, as far as the store can tell.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What they share.
    pub staged: Arc<Staged>,
    /// The one that most calls of a test are made of.
    pub ours: CacheFence,
    /// The other one.
    pub theirs: CacheFence,
    /// The loads of both, if the test counts them.
    pub loads: Loads,
}

impl Pair {
    /// Both with these options, and without early refreshes.
    ///
    /// # Panics
    ///
    /// As [`cache_on`].
    pub fn new(options: impl Fn(Builder) -> Builder) -> Self {
        let staged = Arc::new(Staged::default());
        let [ours, theirs] = [(); 2].map(|()| cache_on(&staged, &options));
        Self { staged, ours, theirs, loads: Loads::default() }
    }
}

impl RedisServer {
    /// A builder of caches on this server that give an operation a minute: on a machine that is busy with other
    /// things, none of them takes the server for dead. Tests of `op_timeout` set their own.
    pub fn cache_builder(&self) -> Builder {
        CacheFence::builder().redis(self.url()).op_timeout(DEADLINE)
    }

    /// A cache on this server, connected, with the defaults but for `op_timeout`.
    ///
    /// # Panics
    ///
    /// When it cannot connect.
    pub async fn cache(&self) -> CacheFence {
        self.cache_builder().build().await.expect("the server is there")
    }
}
