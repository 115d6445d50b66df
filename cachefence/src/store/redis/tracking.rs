//! Tracking: waking waiters by `CLIENT TRACKING`.
//!
//! A waiter's `acquire` goes over a tracking connection. This speaks RESP3, in which the server tells
//! a client which of the keys that it has read have changed (`CLIENT TRACKING` with `OPTIN`). The
//! script reads the entry and both slots, so a store, a release, an expiry and an invalidation all
//! come as pushes. A runtime has one tracking connection, which is made when a caller first has to
//! wait. A server without RESP3 allows none, and its waiters ask again and again.

use std::collections::HashMap;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use redis::{PushInfo, PushKind, Value};

use super::dialed::Dialed;
use super::dialer::Dialer;
use super::failure::{Failure, FailureKind};
use crate::key::Key;
use crate::store::{Wake, Watch};
use crate::sync::lock;
use crate::time::{in_time, spawn};

/// Where a runtime keeps its tracking connection.
pub(super) struct Tracking<C = Dialed>(Mutex<State<C>>);

struct State<C> {
    place: Place<C>,
    /// How many connections have been begun, which numbers them.
    made: u64,
}

enum Place<C> {
    Empty,
    Connecting,
    Taken(Arc<Tracked<C>>),
}

/// What a caller that wants to be woken finds.
pub(super) enum Connected {
    Here(Arc<Tracked>),
    /// There is no connection, or not yet; another attempt may find one.
    NotNow,
    /// The server cannot push.
    Never,
}

impl Tracking {
    /// The connection, made anew if there is none.
    pub(super) async fn connection(self: &Arc<Self>, dialer: &Arc<Dialer>) -> Connected {
        match self.claim() {
            Claim::Here(tracked) => Connected::Here(tracked),
            Claim::Connecting => Connected::NotNow,
            Claim::Yours(maker) => {
                let dialer = Arc::clone(dialer);
                // A task makes the connection, so that a caller which gives up does not make the next
                // one begin again.
                let made = spawn(async move { maker.make(dialer).await });
                match made {
                    Some(made) => made.await.unwrap_or(Connected::NotNow),
                    None => Connected::NotNow,
                }
            }
        }
    }
}

impl<C> Tracking<C> {
    fn claim(self: &Arc<Self>) -> Claim<C> {
        let mut state = self.state();
        match &state.place {
            Place::Taken(tracked) => Claim::Here(Arc::clone(tracked)),
            Place::Connecting => Claim::Connecting,
            Place::Empty => {
                state.place = Place::Connecting;
                state.made += 1;
                Claim::Yours(Maker { tracking: Arc::clone(self), number: state.made })
            }
        }
    }

    /// Whether there is a connection.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.state().place, Place::Taken(_))
    }

    /// Lets the connection go, if it is still the one of that number.
    pub(super) fn leave(&self, number: u64) {
        let mut state = self.state();
        if matches!(&state.place, Place::Taken(tracked) if tracked.number == number) {
            let gone = mem::replace(&mut state.place, Place::Empty);
            drop(state);
            drop(gone); // with the lock released
        }
    }

    /// Has the waiters ask by themselves that wait for names of which `moved` is true.
    pub(super) fn disarm(&self, moved: impl Fn(&str) -> bool) {
        let tracked = match &self.state().place {
            Place::Taken(tracked) => Arc::clone(tracked),
            Place::Empty | Place::Connecting => return,
        };
        tracked.waiters.disarm_if(moved);
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        lock(&self.0)
    }
}

impl<C> Default for Tracking<C> {
    fn default() -> Self {
        Self(Mutex::new(State { place: Place::Empty, made: 0 }))
    }
}

enum Claim<C> {
    Here(Arc<Tracked<C>>),
    /// Another caller's task is making the connection. It is not waited for, because asking again and
    /// again does as well.
    Connecting,
    /// The caller has to make the connection.
    Yours(Maker<C>),
}

/// The right to make the connection. If it is dropped without one, the next caller that asks is given
/// it.
struct Maker<C> {
    tracking: Arc<Tracking<C>>,
    number: u64,
}

impl Maker<Dialed> {
    async fn make(self, dialer: Arc<Dialer>) -> Connected {
        let (number, tracking) = (self.number, Arc::downgrade(&self.tracking));
        let waiters = Arc::<Waiters>::default();
        let pushed = Arc::clone(&waiters);
        let push = move |info: &PushInfo| {
            pushed.push(info);
            if info.kind == PushKind::Disconnection
                && let Some(tracking) = tracking.upgrade()
            {
                tracking.leave(number);
            }
        };
        match connect(&dialer, push).await {
            Ok(connection) => Connected::Here(self.made(connection, waiters)),
            Err(FailureKind::Forbidden | FailureKind::Unsupported) => Connected::Never,
            // The server is in trouble, and the next waiter tries again.
            Err(_) => Connected::NotNow,
        }
    }
}

impl<C> Maker<C> {
    /// Puts `connection`, whose pushes `waiters` takes in, into its place.
    fn made(self, connection: C, waiters: Arc<Waiters>) -> Arc<Tracked<C>> {
        let tracked = Arc::new(Tracked { number: self.number, connection, waiters });
        self.tracking.state().place = Place::Taken(Arc::clone(&tracked));
        tracked
    }
}

impl<C> Drop for Maker<C> {
    fn drop(&mut self) {
        let mut state = self.tracking.state();
        if matches!(state.place, Place::Connecting) {
            state.place = Place::Empty;
        }
    }
}

/// Makes a connection on which the server tells which keys have changed that were read after
/// `CLIENT CACHING YES`; `push` takes that in.
async fn connect(
    dialer: &Dialer,
    push: impl Fn(&PushInfo) + Send + Sync + 'static,
) -> Result<Dialed, FailureKind> {
    let failed = |failure: Failure| failure.kind;
    let mut connection = dialer.dial_for_pushes(push).await.map_err(failed)?;
    let mut tracking = redis::cmd("CLIENT");
    tracking.arg("TRACKING").arg("ON").arg("OPTIN");
    let answer = in_time(dialer.limit(), pin!(tracking.exec_async(&mut *connection))).await;
    match answer {
        Some(Ok(())) => Ok(connection),
        Some(Err(error)) => Err(Failure::classify(dialer.address(), error).kind),
        None => Err(FailureKind::Late),
    }
}

/// A tracking connection, and the waiters that its pushes wake.
///
/// When the connection is let go, its waiters are disarmed, and ask by themselves again.
pub(super) struct Tracked<C = Dialed> {
    number: u64,
    connection: C,
    waiters: Arc<Waiters>,
}

impl<C: Clone> Tracked<C> {
    pub(super) fn connection(&self) -> C {
        self.connection.clone()
    }
}

impl<C> Tracked<C> {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Has `watch` woken when the entry or a slot of `key` changes.
    pub(super) fn add(&self, key: &Key, watch: &Watch) {
        self.waiters.add(key, watch);
    }
}

impl<C> Drop for Tracked<C> {
    fn drop(&mut self) {
        self.waiters.disarm();
    }
}

/// The waiters, by the names that they wait for.
#[derive(Default)]
struct Waiters(Mutex<HashMap<String, Vec<Wake>>>);

impl Waiters {
    fn add(&self, key: &Key, watch: &Watch) {
        let mut waiters = self.lock();
        if waiters.len() == waiters.capacity() {
            waiters.retain(|_, waiters| waiters.iter().any(|wake| !wake.is_abandoned()));
        }
        let wake = watch.arm();
        for name in [key.as_str().to_owned(), key.lease_name(), key.hedge_name()] {
            let of_name = waiters.entry(name).or_default();
            of_name.retain(|other| !other.is_abandoned() && !other.is(&wake));
            of_name.push(wake.clone());
        }
    }

    /// Takes in a push of the server, or the end of the connection.
    fn push(&self, info: &PushInfo) {
        match (&info.kind, info.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(names))) => {
                let mut waiters = self.lock();
                let of_name = |name: &Value| match name {
                    Value::BulkString(name) => waiters.remove(std::str::from_utf8(name).ok()?),
                    _ => None,
                };
                let woken: Vec<_> = names.iter().filter_map(of_name).flatten().collect();
                drop(waiters);
                woken.iter().for_each(Wake::wake); // with the lock released
            }
            // `FLUSHALL` names no keys, so all waiters are woken.
            (PushKind::Invalidate, _) => self.take().iter().for_each(Wake::wake),
            (PushKind::Disconnection, _) => self.disarm(),
            _ => {}
        }
    }

    /// Has all waiters ask by themselves, because there will be no more pushes.
    fn disarm(&self) {
        self.take().iter().for_each(Wake::disarm);
    }

    /// As [`disarm`](Self::disarm), for the names of which `moved` is true.
    fn disarm_if(&self, moved: impl Fn(&str) -> bool) {
        let gone: Vec<_> = self.lock().extract_if(|name, _| moved(name)).collect();
        gone.iter().flat_map(|(_, waiters)| waiters).for_each(Wake::disarm);
    }

    fn take(&self) -> Vec<Wake> {
        self.lock().drain().flat_map(|(_, waiters)| waiters).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Wake>>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(tracking: &Arc<Tracking<()>>) -> Maker<()> {
        match tracking.claim() {
            Claim::Yours(maker) => maker,
            Claim::Here(_) | Claim::Connecting => panic!("the place is empty"),
        }
    }

    fn number(tracking: &Arc<Tracking<()>>) -> Option<u64> {
        match tracking.claim() {
            Claim::Here(tracked) => Some(tracked.number()),
            Claim::Connecting | Claim::Yours(_) => None,
        }
    }

    #[test]
    fn one_connects_and_the_others_do_not_wait() {
        let tracking = Arc::default();
        let maker = maker(&tracking);
        assert!(matches!(tracking.claim(), Claim::Connecting));
        maker.made((), Arc::default());
        assert_eq!(number(&tracking), Some(1));
        assert!(tracking.is_taken());
    }

    #[test]
    fn an_attempt_that_failed_is_made_again() {
        let tracking = Arc::default();
        drop(maker(&tracking));
        maker(&tracking).made((), Arc::default());
        assert_eq!(number(&tracking), Some(2));
    }

    #[test]
    fn a_late_failure_does_not_end_the_connection_that_followed() {
        let tracking = Arc::default();
        let first = maker(&tracking).made((), Arc::default());
        tracking.leave(first.number());
        assert!(!tracking.is_taken());
        maker(&tracking).made((), Arc::default());
        tracking.leave(first.number());
        assert_eq!(number(&tracking), Some(2));
    }

    #[test]
    fn who_trusts_in_it_is_disarmed_when_it_is_let_go() {
        let key = Key::new("", "k".to_owned(), None).0;
        for is_left in [true, false] {
            let tracking = Arc::default();
            let made = maker(&tracking).made((), Arc::default());
            let watch = Watch::default();
            made.add(&key, &watch);
            if is_left {
                tracking.leave(made.number());
            }
            drop(tracking);
            assert!(watch.is_armed(), "somebody is still asking over it");
            drop(made);
            assert!(!watch.is_armed() && watch.was_armed());
        }
    }
}
