//! A cache that caches nothing: its store holds nothing, and its engine shares nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::CacheFence;
use crate::engine::Engine;
use crate::key::Key;
use crate::observe::Observers;
use crate::options::Policy;
use crate::store::{
    Acquire, Acquired, Outcome, Snapshot, Store, StoreFuture, StoreResult, Token, Traits,
};

impl CacheFence {
    /// A cache that caches nothing: every call runs its own body, as it would without the attribute.
    ///
    /// Nothing is shared: no call waits for another, no lease is taken, no value is encoded, and a call whose body
    /// asks for its own key runs that body too. A detached call runs its body itself, so a deadline ends it.
    /// [`peek`](crate::Entry::peek) finds nothing, and [`set`](crate::Entry::set) and
    /// [`invalidate`](Self::invalidate) do nothing and return `Ok`. Keys and options are checked all the same.
    /// In [`stats`](Self::stats) the calls are `bypassed`, for the reason `disabled`. The cache has no namespace, no name and no
    /// observers.
    ///
    /// Use it where tests should see every call, or to switch caching off.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cachefence::CacheFence;
    /// use std::sync::LazyLock;
    /// use std::time::Duration;
    ///
    /// static CACHE: LazyLock<CacheFence> = LazyLock::new(|| match std::env::var("NO_CACHE") {
    ///     Ok(_) => CacheFence::disabled(),
    ///     Err(_) => CacheFence::in_memory(),
    /// });
    /// # LazyLock::force(&CACHE);
    ///
    /// let cache = CacheFence::disabled();
    /// for number in 0..3 {
    ///     let load = || async { Ok::<_, std::io::Error>(number) };
    ///     assert_eq!(cache.get_or_set("k", Duration::from_secs(60), load).await?, number);
    /// }
    /// assert_eq!(cache.stats().bypasses.disabled, 3);
    /// # Ok(()) }
    /// ```
    pub fn disabled() -> Self {
        let observers = Arc::new(Observers::new(String::new(), Vec::new()));
        let engine = Engine::disabled(Arc::new(Nothing), observers);
        Self::assemble(engine, Policy::default(), String::new())
    }
}

/// A store that takes everything, and holds nothing.
struct Nothing;

impl Store for Nothing {
    fn traits(&self) -> Traits {
        Traits { answers_at_once: true, ..Traits::default() }
    }

    fn read<'a>(&'a self, _: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::ready(Ok(None))
    }

    fn acquire<'a>(&'a self, _: &'a Key, _: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        StoreFuture::ready(Ok(Acquired::Lease))
    }

    fn renew<'a>(&'a self, _: &'a Key, _: Token, _: Duration) -> StoreResult<'a, bool> {
        StoreFuture::ready(Ok(true))
    }

    fn finish<'a>(&'a self, _: &'a Key, _: &'a [Token], _: &'a Outcome) -> StoreResult<'a, bool> {
        StoreFuture::ready(Ok(true))
    }

    fn invalidate<'a>(&'a self, _: &'a [Key]) -> StoreResult<'a, ()> {
        StoreFuture::ready(Ok(()))
    }
}
