//! A failover behind one name: the primary that was becomes a replica of the one that is, keeps its connections, and
//! refuses on them what the new one would take. So the connections are replaced, and lead to the new one.

use std::time::{Duration, Instant};

use cachefence_tests::{NO_SCRIPTS, Proxy, RedisServer, until};
use tokio::time::sleep;

use super::callers::{Callers, KEYS};
use super::refusals::{begins_to_load, holds_what_its_primary_holds};

/// How often a caller tries what is refused, and how long it pauses after each try: three seconds.
const MOST_TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(50);

/// Two servers behind one name, which leads to `old`, and a cache that has something to lose.
struct Pair {
    old: RedisServer,
    new: RedisServer,
    proxy: Proxy,
    callers: Callers,
}

impl Pair {
    async fn new(args: &[&str]) -> Self {
        let [old, new] = [(); 2].map(|()| {
            let args = args.iter().copied().chain(["--repl-diskless-sync-delay", "0"]);
            RedisServer::builder().args(args).start()
        });
        let proxy = Proxy::start(old.port());
        let callers = Callers::patient(&proxy.url());
        callers.warm().await;
        follows(&new, &old);
        holds_what_its_primary_holds(&new, &old).await;
        Self { old, new, proxy, callers }
    }

    /// The new server takes over, and the name leads there.
    fn take_over(&self) {
        self.new.cli(&["REPLICAOF", "NO", "ONE"]);
        self.proxy.lead_to(self.new.port());
    }

    /// All that is cached is served from the cache.
    async fn all_are_hits(&self) {
        let before = self.callers.bodies();
        println!("failover, hits: {}", self.callers.calls(1).await);
        assert_eq!(self.callers.bodies(), before, "what is cached is served from the cache");
    }

    /// Tries until `taken`, with hits meanwhile.
    async fn is_taken(&self, what: &str, taken: impl AsyncFn() -> bool) {
        let began = Instant::now();
        for _ in 0..MOST_TRIES {
            if taken().await {
                println!("failover: {what} is taken {:.0?} after it", began.elapsed());
                return;
            }
            self.all_are_hits().await;
            sleep(PAUSE).await;
        }
        panic!("{what} is not taken after {MOST_TRIES} tries");
    }
}

fn follows(replica: &RedisServer, primary: &RedisServer) {
    replica.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
}

#[tokio::test]
async fn invalidations_reach_the_new_primary() {
    for args in [&[][..], &NO_SCRIPTS] {
        let pair = Pair::new(args).await;
        pair.take_over();
        follows(&pair.old, &pair.new);
        let invalidate = async || pair.callers.cache.invalidate("other").await.is_ok();
        pair.is_taken("an invalidation", invalidate).await;
        pair.all_are_hits().await;
        assert!(pair.new.command_count("del") > 0, "{:?}", pair.new.command_stats());
    }
}

#[tokio::test]
async fn values_reach_the_new_primary() {
    for args in [&[][..], &NO_SCRIPTS] {
        let pair = Pair::new(args).await;
        pair.take_over();
        follows(&pair.old, &pair.new);
        let store = async || {
            pair.callers.call(true, KEYS).await;
            let before = pair.callers.bodies();
            pair.callers.call(false, KEYS).await;
            pair.callers.bodies() == before
        };
        pair.is_taken("a value", store).await;
        pair.all_are_hits().await;
    }
}

/// The name still leads to the old server when that has refused a write for the first time: the connections that are
/// made then lead there as well. Reads and writes must not part.
#[tokio::test]
async fn a_name_that_leads_to_the_new_primary_late() {
    let pair = Pair::new(&[]).await;
    pair.new.cli(&["REPLICAOF", "NO", "ONE"]);
    follows(&pair.old, &pair.new);
    let before = pair.proxy.connections();
    pair.callers.cache.invalidate("other").await.unwrap_err();
    until("both connections are made anew", || pair.proxy.connections() == before + 2).await;
    pair.proxy.lead_to(pair.new.port());
    let invalidate = async || pair.callers.cache.invalidate("other").await.is_ok();
    pair.is_taken("an invalidation", invalidate).await;
    // What the new server removes is not removed from the old one any more.
    pair.old.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    for row in 0..KEYS {
        pair.callers.cache.invalidate(format!("row:{row}")).await.unwrap();
        let before = pair.callers.bodies();
        pair.callers.call(false, row).await;
        assert_eq!(pair.callers.bodies(), before + 1, "what was invalidated is not served");
    }
}

/// The name leads to a replica for as long as this lasts: there is nobody to take a write.
#[tokio::test]
async fn connections_to_a_replica_are_replaced_once_a_second() {
    const LASTS: Duration = Duration::from_secs(3);
    // One for reads and one for writes.
    const OF_A_LINK: u64 = 2;
    let pair = Pair::new(&[]).await;
    pair.new.cli(&["REPLICAOF", "NO", "ONE"]);
    follows(&pair.old, &pair.new);
    let (began, before) = (Instant::now(), pair.proxy.connections());
    let mut cold = 1_000..;
    while began.elapsed() < LASTS {
        pair.callers.cache.invalidate("row:0").await.unwrap_err();
        pair.callers.call(true, cold.next().unwrap()).await;
        pair.all_are_hits().await;
    }
    let made = u64::try_from(pair.proxy.connections() - before).unwrap();
    println!("READONLY: {made} connections in {:.1?}", began.elapsed());
    assert!(made > 0, "they are replaced");
    assert!(made <= (began.elapsed().as_secs() + 1) * OF_A_LINK, "{made} connections");
}

/// Waits until connections are replaced because of one call, and asserts that hits are back at once.
async fn hits_are_back(pair: &Pair, what: &str) {
    const MOST_BODIES: u64 = 5;
    let (before, connections) = (pair.callers.bodies(), pair.proxy.connections());
    pair.callers.call(false, 0).await;
    assert_eq!(pair.callers.bodies() - before, 1, "{what}: the body serves the call");
    let replaced = || pair.proxy.connections() > connections;
    until("the connections are replaced", replaced).await;
    pair.callers.until_a_hit().await;
    let bodies = pair.callers.bodies() - before;
    assert!(bodies <= MOST_BODIES, "{what}: {bodies} bodies");
    pair.all_are_hits().await;
}

#[tokio::test]
async fn a_replica_without_its_primary() {
    let pair = Pair::new(&[]).await;
    pair.take_over();
    pair.old.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    // Nobody listens there.
    pair.old.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    hits_are_back(&pair, "MASTERDOWN").await;
}

/// The first read after a second asks for the server's time as well, which such a replica tells.
#[tokio::test]
async fn a_replica_without_its_primary_that_is_asked_for_the_time() {
    const SECOND: Duration = Duration::from_millis(1_100);
    let pair = Pair::new(&[]).await;
    pair.take_over();
    pair.old.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    // Nobody listens there.
    pair.old.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    sleep(SECOND).await;
    hits_are_back(&pair, "MASTERDOWN").await;
}

#[tokio::test]
async fn a_replica_that_loads_its_data() {
    let (pair, large) = (Pair::new(&[]).await, RedisServer::start());
    pair.take_over();
    begins_to_load(&pair.old, &large).await;
    hits_are_back(&pair, "LOADING").await;
}
