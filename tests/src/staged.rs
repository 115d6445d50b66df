//! A store whose operations a test can stop, and whose replies it can lose.

use std::collections::{HashMap, HashSet};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Key, Outcome, Snapshot, StoreError, StoreFuture, StoreResult, Take, Token,
    Traits,
};
use cachefence::{MemoryStore, Store};

use crate::{Stop, must_not_be_logged};

/// An operation of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// [`Store::read`].
    Read,
    /// [`Store::acquire`] of a free slot.
    Acquire,
    /// [`Store::renew`].
    Renew,
    /// [`Store::finish`] by a value.
    Fill,
    /// [`Store::finish`] by the mark that a value is not to be cached.
    Mark,
    /// [`Store::finish`] by a release.
    Release,
    /// [`Store::finish`] by a postponement.
    Postpone,
    /// [`Store::acquire`] by force.
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
    /// Operations whose connection breaks, and at which phase.
    broken: Mutex<HashMap<Op, Vec<Phase>>>,
    counts: Mutex<HashMap<Op, usize>>,
    watching_breaks: AtomicBool,
    refused: Mutex<HashSet<Op>>,
    forbidden: Mutex<HashSet<String>>,
    patience: Mutex<Option<Duration>>,
    silent: AtomicBool,
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

    /// Has the next `op` be lost with its connection: before it takes effect, or its reply. Called again, it has the
    /// one after that be lost too.
    pub fn break_connection(&self, op: Op, phase: Phase) {
        lock(&self.broken).entry(op).or_default().push(phase);
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

    fn breaks(&self, op: Op) -> Option<Phase> {
        lock(&self.broken).get_mut(&op)?.pop()
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

impl Network {
    /// Has `operation` take effect on the store, or not, as the test says.
    fn operate<'a, T: Send + 'a, F>(
        &'a self,
        op: Op,
        keys: &'a [Key],
        operation: impl FnOnce(Arc<Staged>) -> F + Send + 'static,
    ) -> StoreResult<'a, T>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        StoreFuture::new(async move {
            let staged = &self.0;
            *lock(&staged.counts).entry(op).or_default() += 1;
            let is_forbidden =
                keys.iter().any(|key| lock(&staged.forbidden).contains(key.as_str()));
            if is_forbidden || lock(&staged.refused).contains(&op) {
                return Err(StoreError::new("the store is out of reach"));
            }
            if let Some(phase) = staged.breaks(op) {
                if phase == Phase::Reply {
                    drop(operation(Arc::clone(staged)).await);
                }
                return Err(StoreError::lost("the connection broke"));
            }
            if let Some(stop) = staged.lost(op) {
                let staged = Arc::clone(staged);
                tokio::spawn(async move {
                    stop.pass().await;
                    drop(operation(staged).await);
                });
                return Err(StoreError::new("the reply was lost"));
            }
            let staged = Arc::clone(staged);
            let staging = async {
                staged.at(op, Phase::Request).await;
                let result = operation(Arc::clone(&staged)).await;
                staged.at(op, Phase::Reply).await;
                result
            };
            staged.within_patience(staging).await
        })
    }
}

impl Store for Network {
    fn traits(&self) -> Traits {
        let mut traits = Traits::default();
        traits.call_budget = *lock(&self.0.patience);
        traits.wakes = self.0.watching_breaks.load(Ordering::SeqCst);
        traits
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        // A key that is a word may stand in any text.
        if key.as_str().contains(':') && key.template() != Some(key.as_str()) {
            must_not_be_logged(key.as_str());
        }
        let of = key.clone();
        let read = |staged: Arc<Staged>| async move { staged.inner.read(&of).await };
        self.operate(Op::Read, slice::from_ref(key), read)
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        if let Some(watch) = request.watch
            && self.traits().wakes
            && !watch.is_new()
        {
            watch.arm();
            return StoreFuture::ready(Err(StoreError::new("the connection broke")));
        }
        let (of, Acquire { token, lease, take, seen, .. }) = (key.clone(), *request);
        let acquire = move |staged: Arc<Staged>| async move {
            let request = Acquire::new(token, lease).take(take).seen(seen);
            staged.inner.acquire(&of, &request).await
        };
        let op = if take == Take::Force { Op::Seize } else { Op::Acquire };
        self.operate(op, slice::from_ref(key), acquire)
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        let of = key.clone();
        let renew =
            move |staged: Arc<Staged>| async move { staged.inner.renew(&of, token, lease).await };
        self.operate(Op::Renew, slice::from_ref(key), renew)
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        let op = match outcome {
            Outcome::Release => Op::Release,
            Outcome::Postpone(_) => Op::Postpone,
            Outcome::Uncacheable(_) => Op::Mark,
            _ => Op::Fill,
        };
        let (of, tokens, outcome) = (key.clone(), tokens.to_vec(), outcome.clone());
        let finish = move |staged: Arc<Staged>| async move {
            staged.inner.finish(&of, &tokens, &outcome).await
        };
        self.operate(op, slice::from_ref(key), finish)
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        let of = keys.to_vec();
        let invalidate =
            move |staged: Arc<Staged>| async move { staged.inner.invalidate(&of).await };
        self.operate(Op::Invalidate, keys, invalidate)
    }
}
