//! A store whose operations a test can stop, and whose replies it can lose.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cachefence::{
    Acquired, Key, MemoryStore, NewValue, Revision, Snapshot, Store, StoreError, StoreFuture,
    StoreResult, Token, Watch,
};
use tokio::sync::Semaphore;

/// An operation of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// [`Store::read`].
    Read,
    /// [`Store::acquire`].
    Acquire,
    /// [`Store::renew`].
    Renew,
    /// [`Store::fill`].
    Fill,
    /// [`Store::release`].
    Release,
    /// [`Store::postpone`].
    Postpone,
    /// [`Store::seize`].
    Seize,
    /// [`Store::invalidate`].
    Invalidate,
}

/// Where an operation stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// On its way to the store.
    Request,
    /// It has taken effect, and its reply is on its way back.
    Reply,
}

/// A memory store behind a network that the test controls. Every operation takes at least one poll
/// more than it would by itself, so callers meet it as they meet a remote one.
#[derive(Debug, Default)]
pub struct Staged {
    inner: MemoryStore,
    stops: Mutex<HashMap<(Op, Phase), Arc<Stop>>>,
    lost: Mutex<HashMap<Op, Arc<Stop>>>,
    counts: Mutex<HashMap<Op, usize>>,
    watching_breaks: AtomicBool,
    refused: Mutex<HashSet<Op>>,
    forbidden: Mutex<HashSet<String>>,
    patience: Mutex<Option<Duration>>,
    silent: AtomicBool,
}

/// An operation that is to be stopped.
#[derive(Debug)]
pub struct Stop {
    reached: Semaphore,
    go: Semaphore,
}

impl Stop {
    fn new() -> Arc<Self> {
        Arc::new(Self { reached: Semaphore::new(0), go: Semaphore::new(0) })
    }

    /// Waits until the operation is there.
    ///
    /// # Panics
    ///
    /// Never: nothing closes the semaphore.
    pub async fn reached(&self) {
        self.reached.acquire().await.expect("it is open").forget();
    }

    /// Lets it go on.
    pub fn go(&self) {
        self.go.add_permits(1);
    }

    async fn pass(&self) {
        self.reached.add_permits(1);
        self.go.acquire().await.expect("it is open").forget();
    }
}

impl Staged {
    /// Stops the next `op` at `phase`.
    pub fn stop(&self, op: Op, phase: Phase) -> Arc<Stop> {
        let stop = Stop::new();
        lock(&self.stops).insert((op, phase), Arc::clone(&stop));
        stop
    }

    /// Has the next `op` fail at once for its caller, and take effect when it is let go.
    pub fn delay_beyond_failure(&self, op: Op) -> Arc<Stop> {
        let stop = Stop::new();
        lock(&self.lost).insert(op, Arc::clone(&stop));
        stop
    }

    /// Has every `op` fail at once, and without effect, until [`accept`](Self::accept).
    pub fn refuse(&self, op: Op) {
        lock(&self.refused).insert(op);
    }

    /// Ends a [`refuse`](Self::refuse).
    pub fn accept(&self, op: Op) {
        lock(&self.refused).remove(&op);
    }

    /// Has every operation on `key` fail at once, and without effect.
    pub fn forbid(&self, key: &str) {
        lock(&self.forbidden).insert(key.to_owned());
    }

    /// Has operations fail that take longer than `patience`.
    pub fn give_up_after(&self, patience: Duration) {
        *lock(&self.patience) = Some(patience);
    }

    /// Has no operation be answered from now on.
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Has waiters watch, over a connection that breaks each time.
    pub fn break_watching(&self) {
        self.watching_breaks.store(true, Ordering::SeqCst);
    }

    /// How often `op` was asked for.
    pub fn count(&self, op: Op) -> usize {
        lock(&self.counts).get(&op).copied().unwrap_or(0)
    }

    async fn within_patience<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let patience = *lock(&self.patience);
        let Some(patience) = patience else { return operation.await };
        let in_time = tokio::time::timeout(patience, operation).await;
        in_time.unwrap_or_else(|_| Err(StoreError::new("the store did not answer in time")))
    }

    async fn at(&self, op: Op, phase: Phase) {
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let stop = lock(&self.stops).remove(&(op, phase));
        if let Some(stop) = stop {
            stop.pass().await;
        }
        tokio::task::yield_now().await;
    }

    fn lost(&self, op: Op) -> Option<Arc<Stop>> {
        lock(&self.lost).remove(&op)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Handed to caches: `CacheFence::builder().store(Network(Arc::clone(&staged)))`.
#[derive(Clone, Debug, Default)]
pub struct Network(pub Arc<Staged>);

// Each argument is followed by how it is passed on from a copy of it.
macro_rules! operations {
    ($($name:ident $op:ident ($($argument:ident: $ty:ty => $copied:expr),*) -> $result:ty;)*) => {
        impl Store for Network {
            fn watches(&self) -> bool {
                self.0.watching_breaks.load(Ordering::SeqCst)
            }

            fn patience(&self) -> Duration {
                lock(&self.0.patience).unwrap_or(Duration::MAX)
            }

            fn acquire_watching<'a>(
                &'a self,
                _: &'a Key,
                _: &'a Token,
                _: Duration,
                _: Option<Revision>,
                _: &'a Watch,
            ) -> StoreResult<'a, Acquired> {
                StoreFuture::ready(Err(StoreError::new("the connection broke")))
            }

            $(
            fn $name<'a>(&'a self, key: &'a Key, $($argument: $ty),*) -> StoreResult<'a, $result> {
                StoreFuture::new(async move {
                    let staged = &self.0;
                    *lock(&staged.counts).entry(Op::$op).or_default() += 1;
                    let forbidden = lock(&staged.forbidden).contains(key.as_str());
                    if forbidden || lock(&staged.refused).contains(&Op::$op) {
                        return Err(StoreError::new("the store is out of reach"));
                    }
                    if let Some(stop) = staged.lost(Op::$op) {
                        let (staged, key) = (Arc::clone(staged), key.clone());
                        $(let $argument = $argument.clone();)*
                        tokio::spawn(async move {
                            stop.pass().await;
                            drop(staged.inner.$name(&key, $($copied),*).await);
                        });
                        return Err(StoreError::new("the reply was lost"));
                    }
                    staged.within_patience(async {
                        staged.at(Op::$op, Phase::Request).await;
                        let result = staged.inner.$name(key, $($argument),*).await;
                        staged.at(Op::$op, Phase::Reply).await;
                        result
                    })
                    .await
                })
            }
        )*}
    };
}

operations! {
    read Read() -> Option<Snapshot>;
    acquire Acquire(
        token: &'a Token => &token, lease: Duration => lease, seen: Option<Revision> => seen
    ) -> Acquired;
    renew Renew(token: &'a Token => &token, lease: Duration => lease) -> bool;
    fill Fill(token: &'a Token => &token, value: &'a NewValue => &value) -> bool;
    release Release(token: &'a Token => &token) -> bool;
    postpone Postpone(token: &'a Token => &token, pause: Duration => pause) -> bool;
    seize Seize(token: &'a Token => &token, lease: Duration => lease) -> ();
    invalidate Invalidate() -> ();
}
