//! One store for several caches.

use std::sync::Arc;
use std::time::Duration;

use super::{Acquire, Acquired, Key, Outcome, Snapshot, Status, Store, StoreResult, Token, Traits};

/// Caches on clones of one `Arc` share their entries and slots.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn check(&self) -> StoreResult<'_, ()> {
        (**self).check()
    }

    fn traits(&self) -> Traits {
        (**self).traits()
    }

    fn status(&self) -> Status {
        (**self).status()
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        (**self).read(key)
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        (**self).acquire(key, request)
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        (**self).renew(key, token, lease)
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        (**self).finish(key, tokens, outcome)
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        (**self).invalidate(keys)
    }
}
