//! A primary of a cluster dies under load: its keys are loaded each time until its replica is promoted, and then hits
//! come back by themselves. The keys of the other nodes are served throughout.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cachefence::observe::{Event, Observe};
use cachefence::store::Health;
use cachefence::{CacheFence, Redis};
use cachefence_tests::{DEADLINE, RedisCluster};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

const KEYS: usize = 300;
const TASKS: usize = 16;

/// How long a load takes.
const LOAD: Duration = Duration::from_millis(1);

/// Notes when a server is down and when it is not any more.
#[derive(Clone, Default)]
struct Outages(Arc<Mutex<Vec<String>>>);

impl Observe for Outages {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::StoreDown { .. } | Event::StoreUp { .. } => {
                self.0.lock().unwrap().push(event.to_string());
            }
            _ => {}
        }
    }
}

struct Callers {
    cache: CacheFence,
    /// How often each key was loaded.
    loads: Vec<AtomicUsize>,
}

impl Callers {
    /// Whether a call of the key of this number ran no load itself.
    async fn is_served(&self, key: usize) -> bool {
        let is_loaded = AtomicBool::new(false);
        let load = async || {
            is_loaded.store(true, Ordering::SeqCst);
            self.loads[key].fetch_add(1, Ordering::SeqCst);
            sleep(LOAD).await;
            Ok::<_, Infallible>(key)
        };
        let minutes = Duration::from_secs(600);
        let value: usize = self.cache.get_or_set(name(key), minutes, load).await.expect("a call");
        assert_eq!(value, key);
        !is_loaded.load(Ordering::SeqCst)
    }

    fn loads(&self) -> Vec<usize> {
        self.loads.iter().map(|loads| loads.load(Ordering::SeqCst)).collect()
    }
}

fn name(key: usize) -> String {
    format!("key:{key}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_dies_and_its_replica_is_promoted() {
    let mut cluster = RedisCluster::start();
    let outages = Outages::default();
    let cache = CacheFence::builder()
        .redis(Redis::cluster(cluster.urls()))
        .namespace("app")
        // However busy the machine, no answer counts as late.
        .op_timeout(Duration::from_secs(2))
        .observe(outages.clone())
        .build()
        .await
        .unwrap();
    let loads = (0..KEYS).map(|_| AtomicUsize::new(0)).collect();
    let callers = Arc::new(Callers { cache, loads });
    for key in 0..KEYS {
        assert!(!callers.is_served(key).await);
    }
    // Each write is on the replicas before the primary dies: this is about finding the new primary.
    cluster.await_agreement();
    for i in 0..cluster.primaries() {
        assert_eq!(cluster.node(i).cli(&["WAIT", "1", "5000"]).trim(), "1");
    }
    let is_of = |i: usize| {
        let owned: Vec<usize> =
            (0..KEYS).filter(|key| cluster.owner_of(format!("app:{}", name(*key))) == i).collect();
        owned
    };
    let (moved, others) = (is_of(0), [is_of(1), is_of(2)].concat());
    assert!(moved.len() > 50 && others.len() > 100);
    let before = callers.loads();
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (callers, over) = (Arc::clone(&callers), Arc::clone(&over));
        tasks.spawn(async move {
            let mut key = task;
            while !over.load(Ordering::Relaxed) {
                callers.is_served(key % KEYS).await;
                key += 1;
            }
        });
    }
    let began = Instant::now();
    let cluster = spawn_blocking(move || {
        cluster.kill_primary(0);
        cluster.await_promotion(0);
        cluster
    });
    let cluster = cluster.await.unwrap();
    let promoted = Instant::now();
    // A call that is served may have joined a load.
    let entry = callers.cache.entry::<usize>(name(moved[0]));
    let hits = async { while !matches!(entry.peek().await, Ok(Some(_))) {} };
    timeout(DEADLINE, hits).await.expect("hits come back");
    println!(
        "promoted {:.1?} after the kill; hits {:.1?} after that",
        promoted - began,
        promoted.elapsed()
    );
    let at_promotion = callers.loads();
    for _ in 0..3 {
        for key in 0..KEYS {
            callers.is_served(key).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let after = callers.loads();
    let extra = |keys: &[usize], from: &[usize]| {
        let extra = keys.iter().map(|key| after[*key] - from[*key]);
        (extra.clone().sum::<usize>(), extra.max().unwrap())
    };
    println!(
        "loads of the dead primary's keys {:?}, after the first hit {:?}; of the others {:?} (sum, most of one key)",
        extra(&moved, &before),
        extra(&moved, &at_promotion),
        extra(&others, &before)
    );
    assert!(extra(&moved, &at_promotion).1 <= 1, "at most one extra load of a key");
    assert_eq!(callers.cache.status().health, Health::Up);
    let told = outages.0.lock().unwrap().clone();
    let address = format!("127.0.0.1:{}", cluster.node(0).port());
    let is_told = |what: &str| told.iter().filter(|said| said.contains(what)).count();
    assert!(told[0].contains("failed several times") && told[0].contains(&address), "{told:?}");
    assert_eq!(is_told(&format!("hold the slots of Redis at {address}")), 1, "{told:?}");
    let (down, up) = (is_told("failed several times"), is_told("answers again") + 1);
    assert_eq!(down, up, "each outage that is told has an end: {told:?}");
}
