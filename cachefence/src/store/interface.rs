//! The interface of a store: the steps that the engine asks for.

use std::time::Duration;

use super::{
    Acquire, Acquired, Key, Outcome, Snapshot, Status, StoreFuture, StoreResult, Token, Traits,
};

/// Where entries and slots live.
///
/// For every key there is an *entry* (a payload with its times) and two *slots*, each of which holds the
/// token of a flight that may load the entry: the *lease*, and the *hedge*, which is taken beside a lease
/// whose holder hangs. A slot has a term, and is free when that is over. Everything is governed by the
/// store's one clock, and each operation is one atomic step over entry and slots. That is all that the
/// guarantees of the crate rest on:
///
/// | step | effect |
/// |---|---|
/// | [`acquire`](Self::acquire) | says that there is another entry than the caller saw, or puts its token into a free slot, or tells who holds them |
/// | [`finish`](Self::finish) by a value or a mark | only if a slot holds one of the tokens: writes the entry and empties **both** slots |
/// | `finish` by a release or a postponement | empties only the slots that hold one of the tokens |
/// | [`renew`](Self::renew) | prolongs the slot that holds the token, and never fills one |
/// | [`invalidate`](Self::invalidate) | removes the entry and both slots |
///
/// So after a value was stored, or a key was invalidated, no slot of the key is held: whatever is stored
/// later was acquired, and therefore loaded, later.
///
/// # Cancel safety
///
/// The engine may drop any of the futures at any time. The operation then takes effect as a whole or
/// not at all, and perhaps much later: no token is put into a second slot, so a late `acquire` or
/// `finish` of a flight that has given up does no harm.
///
/// # Errors
///
/// An error means that the store could not do what it was asked, or that nobody knows whether it did. The
/// engine then serves the caller by running the recompute.
///
/// # Examples
///
/// The steps of a load, and of an invalidation that voids another one:
///
/// ```
/// # #[cfg(not(feature = "testing"))] fn main() {}
/// # #[cfg(feature = "testing")] #[tokio::main] async fn main() -> Result<(), cachefence::store::StoreError> {
/// use cachefence::MemoryStore;
/// use cachefence::store::{Acquire, Acquired, Held, NewValue, Outcome, Store, Take};
/// use cachefence::testing::{key, token};
/// use std::time::Duration;
///
/// let (store, key) = (MemoryStore::default(), key("user:42"));
/// let term = Duration::from_secs(2);
/// let ann = NewValue::new("ann", Duration::from_secs(60));
///
/// // One flight is given the lease, and another one is told who holds it.
/// let [one, other] = [token(), token()];
/// assert!(matches!(store.acquire(&key, &Acquire::new(one, term)).await?, Acquired::Lease));
/// match store.acquire(&key, &Acquire::new(other, term)).await? {
///     Acquired::Held(Held { lease: Some(holder), .. }) => assert_eq!(holder.token, one),
///     answer => panic!("{answer:?}"),
/// }
/// // The holder renews the lease, and ends its load with a value. That frees the lease.
/// assert!(store.renew(&key, one, term).await?);
/// assert!(store.finish(&key, &[one], &Outcome::Store(ann.clone())).await?);
/// let found = store.read(&key).await?.expect("the value");
/// assert_eq!(found.payload, "ann");
///
/// // A refresh says which entry it has seen. An invalidation voids it, so its value is refused.
/// let request = Acquire::new(other, term).take(Take::IfFree).seen(Some(found.revision)).watch(None);
/// assert!(matches!(store.acquire(&key, &request).await?, Acquired::Lease));
/// store.invalidate(std::slice::from_ref(&key)).await?;
/// assert!(!store.finish(&key, &[other], &Outcome::Store(ann)).await?);
/// assert!(store.read(&key).await?.is_none());
/// # Ok(()) }
/// ```
///
/// A store that wraps another one, here to count its reads:
///
/// ```
/// use cachefence::store::{
///     Acquire, Acquired, Key, Outcome, Snapshot, Status, Store, StoreFuture, StoreResult, Token, Traits,
/// };
/// use cachefence::{CacheFence, MemoryStore};
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// struct Counted<S> {
///     store: S,
///     reads: AtomicU64,
/// }
///
/// impl<S: Store> Store for Counted<S> {
///     fn check(&self) -> StoreResult<'_, ()> {
///         self.store.check()
///     }
///
///     fn traits(&self) -> Traits {
///         // Reads are not ready at once any more.
///         let mut traits = self.store.traits();
///         traits.answers_at_once = false;
///         traits
///     }
///
///     fn status(&self) -> Status {
///         self.store.status()
///     }
///
///     fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
///         StoreFuture::new(async move {
///             self.reads.fetch_add(1, Ordering::Relaxed);
///             self.store.read(key).await
///         })
///     }
///
///     fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
///         self.store.acquire(key, request)
///     }
///
///     fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
///         self.store.renew(key, token, lease)
///     }
///
///     fn finish<'a>(&'a self, key: &'a Key, tokens: &'a [Token], outcome: &'a Outcome) -> StoreResult<'a, bool> {
///         self.store.finish(key, tokens, outcome)
///     }
///
///     fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
///         if keys.is_empty() { StoreFuture::ready(Ok(())) } else { self.store.invalidate(keys) }
///     }
/// }
///
/// let store = Counted { store: MemoryStore::default(), reads: AtomicU64::new(0) };
/// let cache = CacheFence::builder().store(store).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
pub trait Store: Send + Sync + 'static {
    /// Whether the store can be used; called once by [`build`](crate::Builder::build).
    fn check(&self) -> StoreResult<'_, ()> {
        StoreFuture::ready(Ok(()))
    }

    /// What the engine may rely on. The answer is always the same for one store.
    fn traits(&self) -> Traits {
        Traits::default()
    }

    /// How the store is now. This does no I/O and takes no time.
    fn status(&self) -> Status {
        Status::default()
    }

    /// Reads the entry; `None` if there is none. The read must not begin before the future is polled for
    /// the first time, because its result is given to all callers that have come until then.
    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>>;

    /// Takes a slot, as [`Take`](super::Take) describes.
    ///
    /// A store that can tell when an entry or a slot changes [arms](super::Watch::arm) the watch of the
    /// request before it looks at them. If arming takes longer than not arming, it leaves a watch that [is
    /// new](super::Watch::is_new) unarmed, because the caller of such a watch may never have to wait.
    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired>;

    /// Prolongs the slot that holds `token` to `lease` from now; `false` if no slot does.
    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool>;

    /// Ends a load that was run under one of `tokens`; `false`, and nothing done, if no slot holds any of
    /// them.
    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool>;

    /// Removes the entry and both slots of each key. If one of the keys cannot be removed, the others are
    /// removed all the same, and the error is that of the first. It should say of how many.
    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()>;
}
