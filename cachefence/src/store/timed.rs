//! Timing the operations of a store, for observers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{
    Acquire, Acquired, Key, Outcome, Snapshot, Status, Store, StoreFuture, StoreResult, Token,
    Traits,
};
use crate::error::StoreError;
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
    /// Times an operation from its first poll to its end. One that is dropped is not told of.
    fn time<'a, T: Send + Unpin + 'a>(
        &'a self,
        operation: Operation,
        result: StoreResult<'a, T>,
    ) -> StoreResult<'a, T> {
        let tell = move |begun: Instant, result: &Result<T, StoreError>| {
            self.observers.operation_over(operation, begun.elapsed(), result.is_ok());
        };
        // A result that is there already stays so, because the engine relies on that.
        match result.now() {
            Ok(result) => {
                tell(Instant::now(), &result);
                StoreFuture::ready(result)
            }
            Err(operation) => StoreFuture::new(async move {
                let begun = Instant::now();
                let result = operation.await;
                tell(begun, &result);
                result
            }),
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
        self.time(Operation::Read, self.store.read(key))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        self.time(Operation::Acquire, self.store.acquire(key, request))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        self.time(Operation::Renew, self.store.renew(key, token, lease))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        self.time(Operation::Finish, self.store.finish(key, tokens, outcome))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        self.time(Operation::Invalidate, self.store.invalidate(keys))
    }
}
