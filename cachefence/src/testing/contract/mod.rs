//! What every store promises, step by step.

// A check fails by a panic, which is how tests fail.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used)]

mod entries;
mod guests;
mod hedges;
mod leases;
mod marks;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::store::{
    Acquire, Acquired, Held, Key, NewValue, Outcome, Revision, Snapshot, Store, Take, Token,
};

/// Checks that `store` keeps to the contract of [`Store`], on keys of its own.
///
/// It takes about a second. The store may hold other keys, and has to answer within ten seconds.
///
/// # Panics
///
/// If the store does not keep to the contract. Every check is made, and the message names those that
/// failed.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() {
/// use cachefence::MemoryStore;
///
/// cachefence::testing::store_contract(&MemoryStore::default()).await;
/// # }
/// ```
pub async fn store_contract(store: &dyn Store) {
    let mut failed = Vec::new();
    entries::check(store, &mut failed).await;
    leases::check(store, &mut failed).await;
    hedges::check(store, &mut failed).await;
    guests::check(store, &mut failed).await;
    marks::check(store, &mut failed).await;
    assert!(failed.is_empty(), "the store does not keep the contract: {failed:?}");
}

/// Runs each check on a key of its own.
macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        pub(super) async fn check(store: &dyn Store, failed: &mut Vec<&'static str>) {
            $(
                if !super::passes($check(Site::new(store, stringify!($check)))).await {
                    failed.push(stringify!($check));
                }
            )*
        }
    };
}
use checks;

/// Whether a check ends without a panic.
async fn passes(check: impl Future<Output = ()>) -> bool {
    let mut check = pin!(check);
    let poll = |cx: &mut Context<'_>| {
        let polled = catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(false), |polled| polled.map(|()| true))
    };
    poll_fn(poll).await
}

const TERM: Duration = Duration::from_secs(10);

/// A deadline that only a failure reaches.
const SOON: Duration = Duration::from_secs(10);

/// A store and a key that nobody has used.
#[derive(Clone)]
struct Site<'a> {
    store: &'a dyn Store,
    key: Key,
}

impl<'a> Site<'a> {
    fn new(store: &'a dyn Store, name: &str) -> Self {
        let key = super::key(&format!("{name}:{}", super::token()));
        Self { store, key }
    }

    async fn read(&self) -> Option<Snapshot> {
        self.store.read(&self.key).await.unwrap()
    }

    async fn entry(&self) -> Snapshot {
        self.read().await.expect("there is an entry")
    }

    async fn acquired(&self, take: Take, seen: Option<Revision>) -> (Token, Acquired) {
        let token = super::token();
        let request = Acquire::new(token, TERM).take(take).seen(seen);
        (token, self.store.acquire(&self.key, &request).await.unwrap())
    }

    /// Takes a slot, if it is given one.
    async fn takes(&self, take: Take, seen: Option<Revision>) -> Option<Token> {
        let (token, acquired) = self.acquired(take, seen).await;
        matches!(acquired, Acquired::Lease).then_some(token)
    }

    async fn lease(&self) -> Token {
        let seen = self.read().await.map(|found| found.revision);
        self.takes(Take::IfFree, seen).await.expect("both slots are free")
    }

    /// Takes the hedge beside a lease that is held.
    async fn hedge(&self) -> Token {
        let seen = self.read().await.map(|found| found.revision);
        self.takes(Take::Beside, seen).await.expect("the hedge is free")
    }

    /// Who holds the slots, by an acquire that is refused.
    async fn held(&self, take: Take) -> Held {
        let seen = self.read().await.map(|found| found.revision);
        match self.acquired(take, seen).await.1 {
            Acquired::Held(held) => held,
            other => panic!("{other:?}"),
        }
    }

    /// The tokens in the lease and in the hedge.
    async fn tokens(&self, take: Take) -> [Option<Token>; 2] {
        let held = self.held(take).await;
        [held.lease, held.hedge].map(|slot| slot.map(|holder| holder.token))
    }

    async fn is_free(&self) -> bool {
        let seen = self.read().await.map(|found| found.revision);
        self.takes(Take::IfFree, seen).await.is_some()
    }

    async fn renews(&self, token: Token) -> bool {
        self.store.renew(&self.key, token, TERM).await.unwrap()
    }

    async fn finishes(&self, tokens: &[Token], outcome: Outcome) -> bool {
        self.store.finish(&self.key, tokens, &outcome).await.unwrap()
    }

    async fn stores(&self, token: Token, payload: &'static str) -> bool {
        self.finishes(&[token], Outcome::Store(value(payload))).await
    }

    async fn releases(&self, token: Token) -> bool {
        self.finishes(&[token], Outcome::Release).await
    }

    async fn invalidate(&self) {
        self.store.invalidate(std::slice::from_ref(&self.key)).await.unwrap();
    }

    /// Puts `value` there, whoever holds the slots.
    async fn put(&self, value: NewValue) -> Revision {
        let token = self.takes(Take::Force, None).await.expect("force is given what it wants");
        assert!(self.finishes(&[token], Outcome::Store(value)).await);
        self.entry().await.revision
    }

    /// Waits until `is_so` holds of the entry.
    async fn until(&self, is_so: impl Fn(Option<&Snapshot>) -> bool) {
        let change = async {
            while !is_so(self.read().await.as_ref()) {
                tokio::task::yield_now().await;
            }
        };
        soon(change).await;
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it happens soon")
}

fn value(payload: &'static str) -> NewValue {
    NewValue::new(payload, Duration::from_secs(60)).delta(Duration::from_millis(50))
}

const BRIEF: Duration = Duration::from_millis(1);
