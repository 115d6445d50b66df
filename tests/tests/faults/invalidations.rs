//! Invalidating while the store cannot be reached.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use cachefence::{CacheFence, Error};
use cachefence_tests::{DEADLINE, Fault, Proxy, RedisServer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::callers::{OP_TIMEOUT, TTL};

/// A database of one number, and a cache of it on a server behind a proxy.
struct Database {
    server: RedisServer,
    proxy: Proxy,
    cache: CacheFence,
    version: AtomicU64,
}

impl Database {
    fn new() -> Self {
        let server = RedisServer::start();
        let proxy = Proxy::start(server.port());
        let cache = Self::cache(&proxy.url());
        Self { server, proxy, cache, version: AtomicU64::new(1) }
    }

    fn cache(url: &str) -> CacheFence {
        let builder = CacheFence::builder().redis(url).op_timeout(OP_TIMEOUT).beta(0.0);
        // A caller that wrongly joined the flight that is held would not return in time.
        builder.wait_for_lock(DEADLINE * 2).build_lazy().unwrap()
    }

    async fn call(&self, key: &str) -> u64 {
        let body = async || io::Result::Ok(self.version.load(Ordering::SeqCst));
        self.cache.get_or_set(key, TTL, body).await.unwrap()
    }

    fn change(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_error_that_still_voids_the_flights_of_the_process() {
    for fault in [Fault::Reset, Fault::BlackHole] {
        let database = Database::new();
        let (begun, gate) = (Semaphore::new(0), Semaphore::new(0));
        let leader = async {
            let body = async || {
                let read = database.version.load(Ordering::SeqCst);
                begun.add_permits(1);
                gate.acquire().await.unwrap().forget();
                io::Result::Ok(read)
            };
            database.cache.get_or_set("k", TTL, body).await.unwrap()
        };
        let invalidation = async {
            begun.acquire().await.unwrap().forget();
            assert_eq!(database.server.cli(&["EXISTS", "~lock:{k}"]), "1", "it has its lease");
            database.proxy.set(fault);
            database.change();
            let error = database.cache.invalidate("k").await.unwrap_err();
            assert!(matches!(error, Error::Store(_)), "{error}");
            assert_eq!(database.call("k").await, 2, "what comes later does not join");
            gate.add_permits(1);
        };
        let both = async { tokio::join!(leader, invalidation) };
        let (leader, ()) = timeout(DEADLINE, both).await.expect("nobody waits for anybody");
        assert_eq!(leader, 1, "its own caller called before");
    }
}

#[tokio::test]
async fn one_that_is_owed_is_made_good() {
    const KEYS: u64 = 100;
    let name = |id: u64| format!("k{id}");
    let database = Database::new();
    for id in 0..KEYS {
        assert_eq!(database.call(&name(id)).await, 1);
    }
    database.proxy.set(Fault::Reset);
    database.change();
    for id in 0..KEYS {
        let now = database.cache.invalidate_eventually(name(id)).await.unwrap();
        assert!(!now, "the store has not taken it");
        assert_eq!(database.call(&name(id)).await, 2);
    }
    assert_eq!(database.server.scan_keys().len() as u64, KEYS, "the old values are still there");

    let other = Database::cache(&database.server.url());
    database.proxy.set(Fault::None);
    let made_good = async {
        for id in (0..KEYS).cycle() {
            assert_eq!(database.call(&name(id)).await, 2, "this process serves no old value");
            let mut old = 0;
            for id in 0..KEYS {
                old += u64::from(other.entry::<u64>(name(id)).peek().await.unwrap() == Some(1));
            }
            if old == 0 {
                break;
            }
        }
    };
    timeout(DEADLINE, made_good).await.expect("the old values are removed");
    assert!(database.cache.invalidate_eventually("k0").await.unwrap(), "nothing is owed any more");
    assert_eq!(database.call("k0").await, 2);
    assert_eq!(other.entry::<u64>("k0").peek().await.unwrap(), Some(2), "it is stored again");
}
