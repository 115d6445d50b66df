//! Whatever stands under the names of an entry and its lock: a miss, healed by one load (G7). Bytes that are
//! another key's entry are never served (G8).

use std::convert::Infallible;
use std::time::Duration;

use cachefence_tests::{RedisServer, assert_no_locks, is_long};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use redis::Connection;

use super::callers::{Callers, TTL, all};

/// The entry of `Callers`'s row 0, its lock, and the entry of another row.
const ENTRY: &str = "row:0";
const LOCK: &str = "~lock:{row:0}";
const OTHER: &str = "row:1";

/// The header of an entry.
const HEADER: usize = 64;

fn servers() -> [(&'static str, RedisServer); 2] {
    [("with scripts", RedisServer::start()), ("without scripts", RedisServer::without_scripts())]
}

/// A server with a cache that has entries, and the bytes of two of them.
struct Planted {
    what: &'static str,
    server: RedisServer,
    admin: Connection,
    callers: Callers,
    /// What an entry of row 0 looks like, and one of row 1.
    good: Vec<u8>,
    other: Vec<u8>,
}

impl Planted {
    async fn new(what: &'static str, server: RedisServer) -> Self {
        let callers = Callers::patient(&server.url());
        callers.call(true, 0).await;
        callers.call(true, 1).await;
        let mut admin = server.connection();
        let mut get = |name: &str| redis::cmd("GET").arg(name).query(&mut admin).unwrap();
        let (good, other) = (get(ENTRY), get(OTHER));
        Self { what, server, admin, callers, good, other }
    }

    fn clear(&mut self) {
        redis::cmd("DEL").arg(&[ENTRY, LOCK]).exec(&mut self.admin).unwrap();
    }

    fn set(&mut self, name: &str, bytes: &[u8]) {
        self.clear();
        redis::cmd("SET").arg(name).arg(bytes).exec(&mut self.admin).unwrap();
    }

    /// One body heals the key, and the next calls are hits; 16 callers at a time.
    async fn heals(&self, planted: &str) {
        let before = self.callers.bodies();
        let call = |caller| self.callers.call(caller % 2 == 0, 0);
        all((0..8).map(call)).await;
        assert_eq!(self.callers.bodies(), before + 1, "{}: {planted}", self.what);
        self.callers.call(true, 0).await;
        assert_eq!(self.callers.bodies(), before + 1, "{}: {planted} is healed", self.what);
        assert_no_locks(&self.server);
        let left: i64 = self.server.cli(&["PTTL", ENTRY]).parse().unwrap();
        assert!((1..=600_000).contains(&left), "{}: {planted}: PTTL {left}", self.what);
    }
}

#[tokio::test]
async fn every_type_of_redis() {
    let types: [&[&str]; 7] = [
        &["RPUSH", "<name>", "element"],
        &["HSET", "<name>", "field", "value"],
        &["SADD", "<name>", "member"],
        &["ZADD", "<name>", "1", "member"],
        &["XADD", "<name>", "*", "field", "value"],
        &["PFADD", "<name>", "element"],
        &["SETBIT", "<name>", "70", "1"],
    ];
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        for name in [ENTRY, LOCK] {
            for command in types {
                let words: Vec<_> = command
                    .iter()
                    .map(|word| if *word == "<name>" { name } else { *word })
                    .collect();
                planted.clear();
                planted.server.cli(&words);
                planted.heals(&format!("{words:?}")).await;
            }
        }
        // Both at once.
        planted.clear();
        planted.server.cli(&["RPUSH", ENTRY, "element"]);
        planted.server.cli(&["HSET", LOCK, "field", "value"]);
        planted.heals("a list and a hash").await;
    }
}

#[tokio::test]
async fn any_bytes() {
    let rounds = if is_long() { 1_000 } else { 60 };
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        for round in 0..rounds {
            let length = dice.random_range(0..200);
            let bytes: Vec<u8> = (0..length).map(|_| dice.random()).collect();
            let name = if round % 3 == 0 { LOCK } else { ENTRY };
            planted.set(name, &bytes);
            planted.heals(&format!("seed {seed}, {name} = {bytes:?}")).await;
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_cut_off() {
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        let good = planted.good.clone();
        // Every header that is short, and payloads that do not decode.
        for length in (0..=HEADER).chain([HEADER + 1, good.len() - 1]) {
            planted.set(ENTRY, &good[..length]);
            planted.heals(&format!("the first {length} bytes")).await;
        }
    }
}

#[tokio::test]
async fn the_entry_of_another_key() {
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        let other = planted.other.clone();
        planted.set(ENTRY, &other);
        planted.heals("another key's entry").await;
        // The other entry's header before a payload of this key, which would decode.
        let mixed = [&other[..HEADER], &planted.good[HEADER..]].concat();
        planted.set(ENTRY, &mixed);
        planted.heals("another key's header").await;
    }
}

/// These two keys have one FNV-1a hash, which anybody can look up; no published pair has one of the hash that entries hold.
#[tokio::test]
async fn the_entry_of_a_key_whose_fnv_hash_is_the_same() {
    const KEYS: [&str; 2] = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"];
    let fnv = |key: &str| {
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        key.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    };
    assert_eq!(fnv(KEYS[0]), fnv(KEYS[1]));
    for (what, server) in servers() {
        let cache = server.cache().await;
        for [one, other] in [KEYS, [KEYS[1], KEYS[0]]] {
            let load = |key: &'static str| async move { Ok::<_, Infallible>(key.to_owned()) };
            let call = |key| cache.get_or_set(key, TTL, move || load(key));
            assert_eq!(call(one).await.unwrap(), one);
            assert_eq!(server.cli(&["COPY", one, other, "REPLACE"]), "1");
            assert_eq!(call(other).await.unwrap(), other, "{what}");
            assert_eq!(call(other).await.unwrap(), other, "{what}: and it is cached");
            server.cli(&["DEL", one, other]);
        }
    }
}

#[tokio::test]
async fn a_header_with_flipped_bits() {
    // The format, the codec, the fingerprint and the length: a changed time is another time.
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        for bit in (0..20 * 8).step_by(5) {
            let mut bytes = planted.good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            planted.set(ENTRY, &bytes);
            planted.heals(&format!("bit {bit} flipped")).await;
        }
    }
}

#[tokio::test]
async fn extreme_times_in_a_header() {
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        for (at, bytes) in
            [(36, [0; 8]), (36, [0, 0, 0, 0, 0, 0, 0, 1]), (36, [255; 8]), (44, [0; 8])]
        {
            let mut entry = planted.good.clone();
            entry[at..at + 8].copy_from_slice(&bytes);
            planted.set(ENTRY, &entry);
            planted.heals(&format!("{bytes:?} at {at}")).await;
        }
        // With these times the entry may be served or not; either way no call panics or fails.
        for at in [20, 28, 44, 52] {
            let mut entry = planted.good.clone();
            entry[at..at + 8].copy_from_slice(&[255; 8]);
            planted.set(ENTRY, &entry);
            planted.callers.call(true, 0).await;
            planted.callers.call(false, 0).await;
        }
    }
}

#[tokio::test]
async fn an_entry_of_another_version_is_left_alone_until_it_is_overwritten() {
    for (what, server) in servers() {
        let mut planted = Planted::new(what, server).await;
        let mut newer = planted.good.clone();
        newer[2] = b'3';
        planted.set(ENTRY, &newer);
        let ttl = Duration::from_secs(60);
        let entry = planted.callers.cache.entry::<String>(ENTRY).ttl(ttl);
        assert_eq!(entry.peek().await.unwrap(), None, "{what}: a miss");
        let failed = entry.get_or_set(async || Err::<String, _>("the database is down")).await;
        assert!(failed.is_err());
        let left: Vec<u8> = redis::cmd("GET").arg(ENTRY).query(&mut planted.admin).unwrap();
        assert_eq!(left, newer, "{what}: nothing has touched it");
        planted.heals("another version").await;
    }
}
