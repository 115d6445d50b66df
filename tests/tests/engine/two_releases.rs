//! Two releases of a program whose types cannot be decoded as each other share keys: few loads, and each is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cachefence::{CacheFence, Event, cachefence};
use cachefence_tests::{Loads, RedisServer};
use serde::{Deserialize, Serialize};

const ROUNDS: u64 = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Old {
    id: u64,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct New {
    id: String,
    version: u64,
}

/// One release: its cache, its loads, and what it was told.
struct Release {
    cache: CacheFence,
    loads: Loads,
    told: Arc<Mutex<Vec<String>>>,
    /// The version that the database holds.
    database: Arc<AtomicU64>,
}

impl Release {
    async fn connect(server: &RedisServer, database: &Arc<AtomicU64>) -> Self {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&told);
        let note = move |event: &Event<'_>| {
            if let Event::UndecodableEntry { template, .. } = event {
                lines.lock().unwrap().push(format!("{template}: {event}"));
            }
        };
        let cache = server.cache_builder().beta(0.0).observe(note).build().await.unwrap();
        Self { cache, loads: Loads::default(), told, database: Arc::clone(database) }
    }

    fn load(&self) -> u64 {
        let _running = self.loads.begin();
        self.database.load(Ordering::SeqCst)
    }

    #[cachefence(key = "user:<id>", ttl = 60, cache = self.cache, skip(self))]
    async fn as_old(&self, id: u64) -> Old {
        Old { id, version: self.load() }
    }

    #[cachefence(key = "user:<id>", ttl = 60, cache = self.cache, skip(self), entry = false)]
    async fn as_new(&self, id: u64) -> New {
        New { id: id.to_string(), version: self.load() }
    }
}

/// Both releases, whose database holds version 1, and their server.
async fn releases() -> (Release, Release, RedisServer) {
    let server = RedisServer::start();
    let database = Arc::new(AtomicU64::new(1));
    let old = Release::connect(&server, &database).await;
    (old, Release::connect(&server, &database).await, server)
}

/// Each release reads in turn, and finds this version.
async fn read_in_turn(old: &Release, new: &Release, version: u64) {
    for _ in 0..ROUNDS {
        assert_eq!(old.as_old(7).await, Old { id: 7, version });
        assert_eq!(new.as_new(7).await, New { id: "7".to_owned(), version });
    }
}

#[tokio::test]
async fn two_releases_that_read_in_turn_load_twice_each_and_are_told() {
    let (old, new, _server) = releases().await;
    read_in_turn(&old, &new, 1).await;
    assert_eq!((old.loads.count(), new.loads.count()), (2, 2));
    for release in [&old, &new] {
        let told = release.told.lock().unwrap();
        assert!(!told.is_empty() && told.len() <= 4, "{told:#?}");
        assert!(told.iter().all(|line| line.starts_with("user:<id>: ")), "{told:#?}");
    }
}

#[tokio::test]
async fn what_is_kept_beside_an_entry_ends_with_an_invalidation() {
    let (old, new, _server) = releases().await;
    read_in_turn(&old, &new, 1).await;
    for version in 2..5 {
        old.database.store(version, Ordering::SeqCst);
        old.as_old_entry(7).invalidate().await.unwrap();
        read_in_turn(&old, &new, version).await;
    }
    assert!(old.loads.count() + new.loads.count() <= 4 + 3 * 3, "at most three for each");
}

#[tokio::test]
async fn what_is_kept_beside_an_entry_ends_with_a_newer_value() {
    let (old, new, _server) = releases().await;
    read_in_turn(&old, &new, 1).await;
    old.database.store(2, Ordering::SeqCst);
    old.as_old_entry(7).set(&Old { id: 7, version: 2 }).await.unwrap();
    assert_eq!(new.as_new(7).await.version, 2);
    read_in_turn(&old, &new, 2).await;
}
