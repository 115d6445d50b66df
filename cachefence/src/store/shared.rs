//! One store for several caches.

use std::sync::Arc;
use std::time::Duration;

use super::{Acquired, NewValue, Revision, Snapshot, Store, StoreResult, Token, Watch};
use crate::key::Key;

/// Caches on clones of one `Arc` share their entries and locks.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn check(&self) -> StoreResult<'_, ()> {
        (**self).check()
    }

    fn patience(&self) -> Duration {
        (**self).patience()
    }

    fn answers_at_once(&self) -> bool {
        (**self).answers_at_once()
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        (**self).read(key)
    }

    fn acquire<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
    ) -> StoreResult<'a, Acquired> {
        (**self).acquire(key, token, lease, seen)
    }

    fn acquire_watching<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
        seen: Option<Revision>,
        watch: &'a Watch,
    ) -> StoreResult<'a, Acquired> {
        (**self).acquire_watching(key, token, lease, seen, watch)
    }

    fn watches(&self) -> bool {
        (**self).watches()
    }

    fn is_watching(&self) -> bool {
        (**self).is_watching()
    }

    fn renew<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        lease: Duration,
    ) -> StoreResult<'a, bool> {
        (**self).renew(key, token, lease)
    }

    fn fill<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        value: &'a NewValue,
    ) -> StoreResult<'a, bool> {
        (**self).fill(key, token, value)
    }

    fn postpone<'a>(
        &'a self,
        key: &'a Key,
        token: &'a Token,
        pause: Duration,
    ) -> StoreResult<'a, bool> {
        (**self).postpone(key, token, pause)
    }

    fn release<'a>(&'a self, key: &'a Key, token: &'a Token) -> StoreResult<'a, bool> {
        (**self).release(key, token)
    }

    fn seize<'a>(&'a self, key: &'a Key, token: &'a Token, lease: Duration) -> StoreResult<'a, ()> {
        (**self).seize(key, token, lease)
    }

    fn invalidate<'a>(&'a self, key: &'a Key) -> StoreResult<'a, ()> {
        (**self).invalidate(key)
    }
}
