//! A key's entry, lease and hedge lie in one slot of a cluster, by the server's own account.

#![allow(dead_code)] // the bodies are never run

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Key, Outcome, Snapshot, StoreError, StoreFuture, StoreResult, Token,
};
use cachefence::{Builder, CacheFence, Entry, Store, cachefence};
use cachefence_tests::{RedisServer, slot_of};

use crate::dice::Dice;
use crate::text;

/// How many texts, each of which is a part of every kind of key in turn.
const TEXTS: usize = 2_000;

const NAMESPACES: &[&str] = &["app", "{a}:b", "{}", "}{", "a}b{c", "~lock:{x}", "ß"];

/// A store that keeps the keys that are invalidated, and nothing else.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Vec<Key>>>);

#[cachefence(key = "user:<id>", ttl = 60)]
async fn plain(id: &str) -> u32 {
    0
}

#[cachefence(key = "{tenant:<tenant>}:user:<id>", ttl = 60)]
async fn tagged(tenant: &str, id: &str) -> u32 {
    0
}

#[cachefence(key = "<a>}:{<b>}", ttl = 60)]
async fn closed_first(a: &str, b: &str) -> u32 {
    0
}

#[cachefence(key = "{}{<a>:<b>", ttl = 60)]
async fn empty_and_open(a: &str, b: &str) -> u32 {
    0
}

#[cachefence(key = "~lock:{<a>}:<b>", ttl = 60)]
async fn like_a_lease(a: &str, b: &str) -> u32 {
    0
}

/// The entry of one kind of key.
fn entry(cache: &CacheFence, kind: usize, a: &str, b: &str) -> Entry<u32> {
    match kind {
        0 => cache.entry(format!("given:{a}{b}")),
        1 => cache.entry(format!("{{{a}}}{b}")),
        2 => cache.entry(format!("{a}{{{b}")),
        3 => plain_entry(a),
        4 => tagged_entry(a, b),
        5 => closed_first_entry(a, b),
        6 => empty_and_open_entry(a, b),
        _ => like_a_lease_entry(a, b),
    }
}

/// A text with characters that mean something in a key; one in four makes a key longer than one may be.
fn roll(dice: &mut Dice) -> String {
    let mut rolled = text::roll(dice);
    if dice.one_in(4) {
        let at = if dice.one_in(2) { 0 } else { rolled.len() };
        rolled.insert_str(at, &"x".repeat(480 + dice.index(600)));
    }
    rolled
}

#[tokio::test]
async fn entry_lease_and_hedge_lie_in_one_slot() {
    let (keys, mut dice) = (Keys::default(), Dice::new(20));
    let cache = |namespace: Option<&&str>| {
        let builder = CacheFence::builder().store(keys.clone());
        let named = namespace.into_iter().fold(builder, Builder::namespace);
        named.build_lazy().unwrap()
    };
    let caches: Vec<CacheFence> =
        (0..=NAMESPACES.len()).map(|i| cache(NAMESPACES.get(i))).collect();
    for round in 0..TEXTS {
        let (cache, a, b) = (&caches[dice.index(caches.len())], roll(&mut dice), roll(&mut dice));
        let entry = cache.scope(async { entry(cache, round % 8, &a, &b) }).await;
        entry.invalidate().await.unwrap();
    }
    let keys = keys.0.lock().unwrap();
    assert_eq!(keys.len(), TEXTS);
    let names: Vec<[String; 3]> = keys
        .iter()
        .map(|key| [key.as_str().to_owned(), key.lease_name(), key.hedge_name()])
        .collect();

    let node = RedisServer::builder().cluster_node().start();
    let mut ask = redis::pipe();
    for name in names.iter().flatten() {
        ask.cmd("CLUSTER").arg("KEYSLOT").arg(name);
    }
    let slots: Vec<u16> = ask.query(&mut node.connection()).unwrap();
    let mut tagged = 0;
    for (names, slots) in names.iter().zip(slots.as_chunks::<3>().0) {
        assert!(slots.iter().all(|slot| *slot == slots[0]), "{names:?} lie in {slots:?}");
        assert_eq!(slot_of(&names[0]), slots[0], "{names:?}");
        tagged += usize::from(names[0].contains('{'));
    }
    assert!(tagged > TEXTS / 2 && slots.len() == 3 * TEXTS, "{tagged}, {}", slots.len());
}

impl Store for Keys {
    fn read<'a>(&'a self, _: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        none()
    }

    fn acquire<'a>(&'a self, _: &'a Key, _: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        none()
    }

    fn renew<'a>(&'a self, _: &'a Key, _: Token, _: Duration) -> StoreResult<'a, bool> {
        none()
    }

    fn finish<'a>(&'a self, _: &'a Key, _: &'a [Token], _: &'a Outcome) -> StoreResult<'a, bool> {
        none()
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        self.0.lock().unwrap().extend_from_slice(keys);
        StoreFuture::ready(Ok(()))
    }
}

fn none<'a, T>() -> StoreResult<'a, T> {
    StoreFuture::ready(Err(StoreError::new("this store is for invalidations")))
}
