//! Timing the operations of a store, for observers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{
    Acquire, Acquired, Key, Outcome, Snapshot, Status, Store, StoreFuture, StoreResult, Token,
    Traits,
};
use crate::error::{StoreError, StoreErrorKind};
use crate::observe::{Observers, Operation};

/// The `store`, whose operations are timed if somebody wants to know.
pub(crate) fn timed(store: Arc<dyn Store>, observers: &Arc<Observers>) -> Arc<dyn Store> {
    if !observers.want_all() {
        return store;
    }
    Arc::new(Timed { store, observers: Arc::clone(observers) })
}

/// A store that tells how long its operations take.
struct Timed {
    store: Arc<dyn Store>,
    observers: Arc<Observers>,
}

impl Timed {
    /// Times an operation from its first poll until it ends or is dropped.
    fn time<'a, T: Send + Unpin + 'a>(
        &'a self,
        operation: Operation,
        ask: impl FnOnce(&'a dyn Store) -> StoreResult<'a, T>,
    ) -> StoreResult<'a, T> {
        let under_way = move |begun| {
            let (observers, how) = (&*self.observers, How::Failed);
            UnderWay { observers, operation, begun, how }
        };
        let begun = Instant::now();
        // A result that is there already stays so, because the engine relies on that.
        match ask(&*self.store).now() {
            Ok(result) => {
                under_way(begun).end(&result);
                StoreFuture::ready(result)
            }
            Err(operation) => StoreFuture::new(async move {
                let under_way = under_way(Instant::now());
                let result = operation.await;
                under_way.end(&result);
                result
            }),
        }
    }
}

/// An operation under way. One that is dropped, because its caller has waited long enough, has failed.
struct UnderWay<'a> {
    observers: &'a Observers,
    operation: Operation,
    begun: Instant,
    how: How,
}

/// How an operation ended.
#[derive(PartialEq, Eq)]
enum How {
    Succeeded,
    Failed,
    /// The circuit breaker was open, so nothing was asked, and there is nothing to tell.
    NotAsked,
}

impl UnderWay<'_> {
    fn end<T>(mut self, result: &Result<T, StoreError>) {
        self.how = match result {
            Ok(_) => How::Succeeded,
            Err(error) if error.kind() == StoreErrorKind::Down => How::NotAsked,
            Err(_) => How::Failed,
        };
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.how != How::NotAsked {
            let succeeded = self.how == How::Succeeded;
            self.observers.operation_over(self.operation, self.begun.elapsed(), succeeded);
        }
    }
}

impl Store for Timed {
    fn check(&self) -> StoreResult<'_, ()> {
        self.store.check()
    }

    fn traits(&self) -> Traits {
        self.store.traits()
    }

    fn status(&self) -> Status {
        self.store.status()
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        self.time(Operation::Read, |store| store.read(key))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        self.time(Operation::Acquire, |store| store.acquire(key, request))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        self.time(Operation::Renew, |store| store.renew(key, token, lease))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        self.time(Operation::Finish, |store| store.finish(key, tokens, outcome))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        self.time(Operation::Invalidate, |store| store.invalidate(keys))
    }
}
