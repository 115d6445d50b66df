//! The lease of one flight: its hold on a slot of a key, from before it is asked for until it is given
//! back.
//!
//! A flight that holds a lease may store what it loads. The store refuses this to all others, and to a
//! flight whose lease an invalidation has removed meanwhile. The lease is renewed while the load runs, so
//! its term can be short: a process that dies blocks the key no longer than one term. A lease is given back
//! together with the outcome of the load, in one step of the store.

use std::mem;
use std::pin::pin;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::chance::Chance;
use crate::error::StoreError;
use crate::key::Key;
use crate::observe::{LeaseLoss, Observers, Operation};
use crate::store::{
    Acquire, Acquired, Held, NewValue, Outcome, Revision, Store, Take, Token, Watch,
};
use crate::sync::lock;
use crate::tasks::Tasks;
use crate::time::{in_time, sleep};

/// A lease is renewed this many times in each term: two renewals may fail before it ends.
pub(crate) const RENEWALS_PER_LEASE: u32 = 3;

/// A lease that cleans up after itself.
///
/// A token is sent to the store once, and serves one lease. Where it is not known whether the store granted
/// the lease to a token, because the reply was lost, the token is given up: the request may still be on its
/// way, and an invalidation that has returned by the time it arrives would not void what it sets.
///
/// # Guests
///
/// A flight that was told who holds the slots, and begins its load after that, may store by the tokens that it
/// was told: if one of them is still there, nobody has invalidated the key since. Such a flight is a *guest*
/// under the others' leases. It renews and releases nothing.
///
/// # Cancel safety
///
/// The lease and any of its futures may be dropped. What the store may have been left with is then put
/// right: a lease that was asked for or held is released, and a store or a mark that was under way is
/// carried to its end, in a task of its own unless the store answers at once. The task ends when the store has
/// answered, or else when its budget is used up or, if it has none, the term is over. If there is no runtime to run the
/// task, the slot is free when its term is over.
pub(crate) struct Lease {
    store: Arc<dyn Store>,
    observers: Arc<Observers>,
    tasks: Arc<Tasks>,
    key: Key,
    chance: Chance,
    token: Token,
    /// Whether the token has been sent to the store.
    was_asked: bool,
    /// The tokens of those under whose leases this flight is a guest.
    hosts: Vec<Token>,
    term: Duration,
    state: State,
}

/// The parts of a cache that a lease needs.
#[derive(Clone, Copy)]
pub(crate) struct LeaseParts<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) observers: &'a Arc<Observers>,
    pub(crate) tasks: &'a Arc<Tasks>,
    pub(crate) chance: &'a Chance,
}

enum State {
    /// The store holds nothing of this lease.
    Idle,
    /// The store may have granted the lease: the reply has not come.
    Asked,
    /// The store has granted the lease.
    Held(Arc<Holding>),
    /// Others hold the slots, and this flight may store by their tokens.
    Guest,
    /// The load has ended, and its outcome is on the way to the store: a value, or that there will be none
    /// for a while.
    Finishing(Outcome),
}

impl Lease {
    /// A lease of `key` that has not been asked for yet.
    pub(crate) fn new(parts: LeaseParts<'_>, key: &Key, term: Duration) -> Self {
        let LeaseParts { store, observers, tasks, chance } = parts;
        Self {
            store: Arc::clone(store),
            observers: Arc::clone(observers),
            tasks: Arc::clone(tasks),
            key: key.clone(),
            chance: chance.clone(),
            token: Token::random(chance),
            was_asked: false,
            hosts: Vec::new(),
            term,
            state: State::Idle,
        }
    }

    /// Whether the lease is held, as far as this process knows.
    pub(crate) fn is_held(&self) -> bool {
        matches!(&self.state, State::Held(holding) if holding.is_held())
    }

    /// The value that was being stored when the previous holder of this lease was dropped.
    pub(crate) fn unfinished(&self) -> Option<&NewValue> {
        match &self.state {
            State::Finishing(Outcome::Store(value)) => Some(value),
            _ => None,
        }
    }

    /// Asks for the lease; see [`Store::acquire`].
    pub(crate) async fn acquire(
        &mut self,
        take: Take,
        seen: Option<Revision>,
        watch: Option<&Watch>,
    ) -> Result<Acquired, StoreError> {
        let since = self.ask();
        let request = Acquire::new(self.token, self.term).take(take).seen(seen).watch(watch);
        self.observers.asked(Operation::Acquire);
        let acquired = self.store.acquire(&self.key, &request).await;
        if let Some(watch) = watch {
            watch.was_used();
        }
        let acquired = acquired?;
        self.state = match acquired {
            Acquired::Lease => State::Held(self.holding(since)),
            Acquired::Newer(_) | Acquired::Held(_) => State::Idle,
        };
        Ok(acquired)
    }

    /// Takes the lease, whoever holds it; see [`Take::Force`].
    pub(crate) async fn seize(&mut self) -> Result<(), StoreError> {
        let since = self.ask();
        let request = Acquire::new(self.token, self.term).take(Take::Force);
        self.observers.asked(Operation::Acquire);
        let seized = self.store.acquire(&self.key, &request).await;
        seized.inspect_err(|error| {
            self.observers.store_failed(Operation::Acquire, &self.key, error);
        })?;
        self.state = State::Held(self.holding(since));
        Ok(())
    }

    /// Makes the flight a guest under the leases of those who hold the slots.
    pub(crate) fn be_guest_of(&mut self, held: &Held) {
        self.settle();
        let holders = [held.lease, held.hedge].into_iter().flatten();
        self.hosts = holders.map(|holder| holder.token).collect();
        self.state = State::Guest;
    }

    /// Prepares to ask for the lease. Its term counts from before the store starts it, so that it ends on
    /// this side first.
    fn ask(&mut self) -> Instant {
        self.settle();
        // A token is sent only once, even if it was refused: a store without scripts may have set the
        // token, and taken it back.
        if mem::replace(&mut self.was_asked, true) {
            self.token = Token::random(&self.chance);
        }
        self.state = State::Asked;
        Instant::now()
    }

    fn holding(&self, since: Instant) -> Arc<Holding> {
        Arc::new(Holding {
            store: Arc::clone(&self.store),
            observers: Arc::clone(&self.observers),
            key: self.key.clone(),
            token: self.token,
            term: self.term,
            granted: since,
            renewed: Mutex::new(since),
            is_void: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
        })
    }

    /// The lease as it is held, for whoever renews it; `None` if it is not held.
    pub(crate) fn held(&self) -> Option<Arc<Holding>> {
        match &self.state {
            State::Held(holding) => Some(Arc::clone(holding)),
            _ => None,
        }
    }

    /// Ends the lease by an `outcome`; `false` if the lease was lost, and nothing done. A guest ends nothing but
    /// by a value, or by the mark that there is none to be cached.
    pub(crate) async fn end(&mut self, outcome: Outcome) -> Result<bool, StoreError> {
        let holding = match &self.state {
            State::Idle => return Ok(false),
            State::Held(holding) if holding.is_void.load(Ordering::Relaxed) => {
                self.state = State::Idle;
                return Ok(false);
            }
            State::Guest if matches!(outcome, Outcome::Release | Outcome::Postpone(_)) => {
                self.state = State::Idle;
                return Ok(false);
            }
            State::Held(holding) => Some(Arc::clone(holding)),
            State::Asked | State::Guest | State::Finishing(_) => None,
        };
        let stores = matches!(outcome, Outcome::Store(_));
        self.state = State::Finishing(outcome);
        let ended = self.finish().await;
        if let (Ok(false), true, Some(holding)) = (&ended, stores, holding) {
            holding.note_gone(holding.unrenewed());
        }
        ended
    }

    /// Goes on with an [`end`](Self::end) that was cut off.
    pub(crate) async fn finish(&mut self) -> Result<bool, StoreError> {
        let State::Finishing(outcome) = &self.state else { return Ok(false) };
        self.observers.asked(Operation::Finish);
        let ended = self.store.finish(&self.key, self.tokens(), outcome).await;
        if let Err(error) = &ended {
            self.observers.store_failed(Operation::Finish, &self.key, error);
        }
        match (&ended, outcome) {
            // The slot may still hold the token, which is released when the lease is dropped.
            (Err(_), Outcome::Store(_)) if self.hosts.is_empty() => self.state = State::Asked,
            // The mark is sent once more when the lease is dropped.
            (Err(_), Outcome::Postpone(_)) => {}
            // After an error the slot is free when its term is over, which is what a term is for.
            _ => self.state = State::Idle,
        }
        ended
    }

    /// The tokens by which the flight may store.
    fn tokens(&self) -> &[Token] {
        if self.hosts.is_empty() { slice::from_ref(&self.token) } else { &self.hosts }
    }

    /// Puts right what the store may have been left with.
    fn settle(&mut self) {
        let state = mem::replace(&mut self.state, State::Idle);
        let asked = matches!(state, State::Asked);
        let tokens = self.tokens().to_vec();
        self.hosts.clear();
        let outcome = match state {
            State::Idle | State::Guest => return,
            State::Asked | State::Held(_) => Outcome::Release,
            State::Finishing(outcome) => outcome,
        };
        let (store, key) = (Arc::clone(&self.store), self.key.clone());
        let observers = Arc::clone(&self.observers);
        observers.asked(Operation::Finish);
        if let Ok(finished) = store.finish(&key, &tokens, &outcome).now() {
            if let Err(error) = finished {
                observers.store_failed(Operation::Finish, &key, &error);
            }
            return;
        }
        let (wakes, longest) = (store.traits().wakes, self.longest_alone());
        self.tasks.detach(async move {
            let finish = async || {
                let finished = in_time(longest, pin!(store.finish(&key, &tokens, &outcome))).await;
                finished.unwrap_or_else(|| Err(StoreError::too_slow()))
            };
            // No caller is left to hear of an error; the slot is free when its term is over.
            let finished = finish().await;
            if let Err(error) = &finished {
                observers.store_failed(Operation::Finish, &key, error);
            }
            // An acquire over a connection of its own may still be granted after that, so the lease is
            // released once more.
            if asked && wakes && matches!(finished, Ok(false)) {
                sleep(longest).await;
                observers.asked(Operation::Finish);
                drop(finish().await);
            }
        });
    }

    /// How long an operation is waited for that no caller waits for. A store without a budget is given the lease's term:
    /// the slot is free then, so there is nothing left to put right.
    pub(crate) fn longest_alone(&self) -> Duration {
        self.store.traits().call_budget.unwrap_or(self.term)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.settle();
    }
}

/// A lease that the store has granted. It is held unless its term has passed since it was renewed, or
/// somebody has invalidated the key.
pub(crate) struct Holding {
    store: Arc<dyn Store>,
    observers: Arc<Observers>,
    key: Key,
    token: Token,
    term: Duration,
    granted: Instant,
    renewed: Mutex<Instant>,
    /// Whether the store is known not to hold the token any more.
    is_void: AtomicBool,
    /// Whether the loss of the lease has been told.
    is_told: AtomicBool,
}

impl Holding {
    /// How long a lease lasts that is not renewed.
    pub(crate) fn term(&self) -> Duration {
        self.term
    }

    /// Renews the lease while this future is polled and `may_renew`, for `longest` at most; ends when the lease
    /// is lost.
    pub(crate) async fn keep(&self, longest: Duration, may_renew: impl Fn() -> bool) {
        let begun = Instant::now();
        loop {
            if begun.elapsed() >= longest {
                self.tell_loss(LeaseLoss::TimedOut);
                return;
            }
            let pause = self.term / RENEWALS_PER_LEASE;
            // The renewal of a lease that was inherited may be due already.
            sleep(pause.saturating_sub(self.unrenewed())).await;
            if !may_renew() {
                // What held up the load may be over before the term is.
                let unrenewed = self.unrenewed();
                if unrenewed >= self.term {
                    self.note_gone(unrenewed);
                    return;
                }
                sleep(pause).await;
                continue;
            }
            let asked = Instant::now();
            let unrenewed = self.unrenewed();
            self.observers.asked(Operation::Renew);
            match self.store.renew(&self.key, self.token, self.term).await {
                Ok(true) => *lock(&self.renewed) = asked,
                Ok(false) => {
                    self.note_gone(unrenewed);
                    return;
                }
                Err(error) => {
                    self.observers.store_failed(Operation::Renew, &self.key, &error);
                    // The store may be back before the term is over.
                    sleep(pause).await;
                }
            }
        }
    }

    /// Whether the lease is held, as far as this process knows.
    fn is_held(&self) -> bool {
        !self.is_void.load(Ordering::Relaxed) && self.unrenewed() < self.term
    }

    /// How long ago the lease was granted or renewed.
    fn unrenewed(&self) -> Duration {
        lock(&self.renewed).elapsed()
    }

    /// Notes that the lease is gone, which had not been renewed for this long.
    fn note_gone(&self, unrenewed: Duration) {
        self.is_void.store(true, Ordering::Relaxed);
        let expired = unrenewed >= self.term;
        self.tell_loss(if expired { LeaseLoss::Expired } else { LeaseLoss::Voided });
    }

    /// Tells that the lease was lost, once.
    fn tell_loss(&self, loss: LeaseLoss) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            self.observers.lease_lost(&self.key, loss, self.granted.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;
    use crate::store::{MemoryStore, Snapshot, StoreFuture, StoreResult, Traits};

    const TERM: Duration = Duration::from_secs(10);

    fn observers() -> Arc<Observers> {
        Arc::new(Observers::new(String::new(), Vec::new()))
    }

    fn lease(store: &Arc<dyn Store>, key: &Key) -> Lease {
        let (observers, tasks, chance) = (&observers(), &Arc::default(), &Chance::default());
        Lease::new(LeaseParts { store, observers, tasks, chance }, key, TERM)
    }

    fn leases() -> impl Fn() -> Lease {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let key = Key::new("", "k".to_owned(), None).0;
        move || lease(&store, &key)
    }

    /// The memory store answers at once, so none of this needs a runtime.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the store answers at once"),
        }
    }

    fn acquires(lease: &mut Lease) -> bool {
        matches!(at_once(lease.acquire(Take::IfFree, None, None)), Ok(Acquired::Lease))
    }

    #[test]
    fn asking_again_is_done_with_another_token() {
        let mut lease = leases()();
        assert!(acquires(&mut lease));
        let first = lease.token;
        assert!(acquires(&mut lease), "what the first one held was given back");
        assert_ne!(lease.token, first);
    }

    #[test]
    fn so_it_is_after_a_refusal() {
        let lease = leases();
        let (mut first, mut second) = (lease(), lease());
        assert!(acquires(&mut first));
        let mut tokens = Vec::new();
        for _ in 0..3 {
            assert!(!acquires(&mut second));
            assert!(!tokens.contains(&second.token), "a guest may have been told it");
            tokens.push(second.token);
        }
    }

    #[test]
    fn who_seizes_the_lock_holds_it() {
        let lease = leases();
        let (mut first, mut second) = (lease(), lease());
        assert!(acquires(&mut first));
        assert!(!second.is_held());
        at_once(second.seize()).unwrap();
        assert!(second.is_held());
        assert!(!at_once(first.end(Outcome::Release)).unwrap(), "the first has lost it");
        assert!(at_once(second.end(Outcome::Release)).unwrap());
    }

    #[test]
    fn without_a_runtime_the_lock_is_given_back_where_the_store_answers_at_once() {
        let lease = leases();
        let mut dropped = lease();
        assert!(acquires(&mut dropped));
        assert!(!acquires(&mut lease()));
        drop(dropped);
        assert!(acquires(&mut lease()));
    }

    /// A store without a budget that never answers an acquire, and later finds no slot to be released.
    struct Unbounded {
        wakes: bool,
        /// Whether it answers a release.
        releases: bool,
    }

    impl Store for Unbounded {
        fn traits(&self) -> Traits {
            Traits { wakes: self.wakes, ..Traits::default() }
        }

        fn read<'a>(&'a self, _: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
            StoreFuture::ready(Ok(None))
        }

        fn acquire<'a>(&'a self, _: &'a Key, _: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
            StoreFuture::new(std::future::pending())
        }

        fn renew<'a>(&'a self, _: &'a Key, _: Token, _: Duration) -> StoreResult<'a, bool> {
            StoreFuture::ready(Ok(false))
        }

        fn finish<'a>(
            &'a self,
            _: &'a Key,
            _: &'a [Token],
            _: &'a Outcome,
        ) -> StoreResult<'a, bool> {
            StoreFuture::new(async {
                yield_now().await;
                if !self.releases {
                    std::future::pending::<()>().await;
                }
                Ok(false)
            })
        }

        fn invalidate<'a>(&'a self, _: &'a [Key]) -> StoreResult<'a, ()> {
            StoreFuture::ready(Ok(()))
        }
    }

    /// Drops a lease whose acquire is not answered. Returns the store, which its task may still hold.
    async fn dropped_unanswered(store: Unbounded) -> Arc<dyn Store> {
        let store: Arc<dyn Store> = Arc::new(store);
        let key = Key::new("", "k".to_owned(), None).0;
        let mut lease = lease(&store, &key);
        let acquire = pin!(lease.acquire(Take::IfFree, None, None))
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(acquire.is_pending());
        drop(lease);
        run().await;
        store
    }

    async fn run() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_without_a_budget_leaves_no_task_behind() {
        let store = dropped_unanswered(Unbounded { wakes: true, releases: true }).await;
        assert_eq!(Arc::strong_count(&store), 2, "a task waits in order to release once more");
        advance(TERM + Duration::from_millis(1)).await;
        run().await;
        assert_eq!(Arc::strong_count(&store), 1, "the task has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn where_a_store_wakes_nobody_a_lease_is_released_once() {
        let store = dropped_unanswered(Unbounded { wakes: false, releases: true }).await;
        assert_eq!(Arc::strong_count(&store), 1, "the task has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_never_answers_keeps_no_task_for_longer_than_the_term() {
        for wakes in [true, false] {
            let store = dropped_unanswered(Unbounded { wakes, releases: false }).await;
            assert_eq!(Arc::strong_count(&store), 2, "a task releases");
            advance(TERM + Duration::from_millis(1)).await;
            run().await;
            assert_eq!(Arc::strong_count(&store), 1, "the task has ended");
        }
    }
}
