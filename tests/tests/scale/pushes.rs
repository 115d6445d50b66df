//! Waiters of another process are woken by each node, and ask by themselves when a slot leaves theirs.
//!
//! A waiter that watches looks once a second, and one that does not a dozen times.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachefence::{CacheFence, Redis};
use cachefence_tests::{
    Answer, Command, DEADLINE, RedisCluster, RedisServer, ScriptedNode, Stop, slot_of, until,
};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

const TTL: Duration = Duration::from_secs(3_600);
const LEASE: Duration = Duration::from_secs(600);

/// When a waiter that watches looks by itself at the earliest.
const LOOK: Duration = Duration::from_millis(750);

/// How often it is tried, because a machine may be so busy that a waiter looks by itself first.
const MOST_TRIES: usize = 5;

/// Long enough for a waiter that does not watch to have asked several times.
const WHILE: Duration = Duration::from_millis(200);

fn patient(redis: Redis) -> CacheFence {
    let builder = CacheFence::builder().redis(redis).op_timeout(DEADLINE);
    builder.lock_timeout(LEASE).wait_for_lock(LEASE).build_lazy().unwrap()
}

/// A call that loads until `stop` lets it go.
fn load(cache: &CacheFence, key: &str, stop: &Arc<Stop>) -> JoinHandle<String> {
    let (cache, key, stop) = (cache.clone(), key.to_owned(), Arc::clone(stop));
    tokio::spawn(async move {
        let load = || async move {
            stop.pass().await;
            Ok::<_, Infallible>("loaded there".to_owned())
        };
        cache.get_or_set(key, TTL, load).await.unwrap()
    })
}

/// A call that waits for another one's load.
fn wait(cache: &CacheFence, key: &str) -> JoinHandle<String> {
    let (cache, key) = (cache.clone(), key.to_owned());
    tokio::spawn(async move {
        let load = || async { Ok::<_, Infallible>("loaded".to_owned()) };
        cache.get_or_set(key, TTL, load).await.unwrap()
    })
}

async fn given(call: JoinHandle<String>) -> String {
    timeout(LEASE / 20, call).await.expect("it is woken").unwrap()
}

/// A key on each node.
fn keys(cluster: &RedisCluster) -> Vec<String> {
    let on = |node| (0..1_000).map(|n| format!("k{n}")).find(|key| cluster.owner_of(key) == node);
    (0..cluster.primaries()).filter_map(on).collect()
}

/// How many keys a node remembers, in order to tell somebody of their next change.
fn tracked(node: &RedisServer) -> u64 {
    node.info("stats", "tracking_total_keys")
}

#[tokio::test]
async fn each_node_wakes_its_waiters_and_none_of_them_polls() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let [holder, waiter] = [(); 2].map(|()| patient(Redis::cluster(cluster.urls())));
    let (keys, stop) = (keys(&cluster), Stop::new());
    for key in &keys {
        // The tables are known, and the connections made.
        wait(&holder, &format!("{{{key}}}")).await.unwrap();
        wait(&waiter, &format!("{{{key}}}")).await.unwrap();
    }
    for _ in 0..MOST_TRIES {
        waiter.invalidate_many(&keys).await.unwrap();
        cluster.reset_stats();
        let loads: Vec<_> = keys.iter().map(|key| load(&holder, key, &stop)).collect();
        let all_hold = || cluster.nodes().all(|node| node.command_count("evalsha") >= 1);
        until("each has its lease", all_hold).await;
        let began = Instant::now();
        let waiters: Vec<_> = keys.iter().map(|key| wait(&waiter, key)).collect();
        let watches = || cluster.nodes().all(|node| tracked(node) > 0);
        until("each waiter watches", watches).await;
        sleep(WHILE).await;
        let looks: Vec<_> = cluster.nodes().map(|node| node.command_count("evalsha")).collect();
        stop.let_go(keys.len());
        for call in loads.into_iter().chain(waiters) {
            assert_eq!(given(call).await, "loaded there");
        }
        if began.elapsed() < LOOK {
            // That of the holder, the first look, and the one that the node remembers; later ones are those alone.
            assert!(looks.iter().all(|looks| (2..=3).contains(looks)), "{looks:?}");
            for node in cluster.nodes() {
                let counts = node.command_stats();
                // The holder stores, and the waiter reads. Redis before 7 does not count subcommands.
                let caching = counts.get("client|caching").copied().unwrap_or(1);
                assert!(counts["evalsha"] <= 4 && caching == 1, "{counts:?}");
            }
            return;
        }
    }
    panic!("they looked by themselves");
}

#[tokio::test]
async fn a_waiter_whose_slot_moves_is_served_soon() {
    let cluster = Arc::new(RedisCluster::builder().replicas(0).start());
    let [holder, waiter] = [(); 2].map(|()| patient(Redis::cluster(cluster.urls())));
    for key in keys(&cluster) {
        let (from, slot, stop) = (cluster.owner_of(&key), slot_of(&key), Stop::new());
        let to = (from + 1) % 3;
        let loads = load(&holder, &key, &stop);
        stop.reached().await;
        let waits = wait(&waiter, &key);
        until("it watches", || tracked(cluster.node(from)) > 0).await;
        let moving = Arc::clone(&cluster);
        spawn_blocking(move || moving.move_slot(slot, from, to)).await.unwrap();
        let began = Instant::now();
        stop.go();
        // Between the first key that moves and the last a waiter loads by itself, because no lease can be had then.
        let value = given(waits).await;
        println!("{value:?} {:?} after the move", began.elapsed());
        assert!(["loaded", "loaded there"].contains(&value.as_str()), "{value}");
        assert_eq!(given(loads).await, "loaded there");
        // The lease has moved with the slot, so its holder could store.
        assert_eq!(given(wait(&waiter, &key)).await, "loaded there");
    }
}

/// Two nodes, the first of which holds the lease of `k` for somebody, and tells of no change.
struct Scripted {
    here: ScriptedNode,
    there: ScriptedNode,
    waiter: CacheFence,
    /// When the call was seen to watch.
    since: Instant,
}

/// The reply to an acquire of a lease that another holds.
fn held() -> Answer {
    let lease = "01234567-89ab-cdef-0123-456789abcdef:600000";
    acquired(2, lease.as_bytes(), ":599000")
}

/// The reply to an acquire.
fn acquired(kind: u8, detail: &[u8], left: &str) -> Answer {
    let mut reply = format!("*7\r\n:{kind}\r\n${}\r\n", detail.len()).into_bytes();
    reply.extend_from_slice(detail);
    reply.extend_from_slice(format!("\r\n{left}\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n").as_bytes());
    Answer::Reply(reply)
}

/// The node that holds the lease of `k`, and has handed over the slots of `moved`.
fn holder(command: &Command, slots: &Answer, moved: &[&str], to: u16) -> Answer {
    match command.name() {
        "CLUSTER SLOTS" => slots.clone(),
        "EVALSHA" => held(),
        "GET" if moved.iter().any(|key| key.as_bytes() == command.arg(1)) => {
            Answer::moved(slot_of(command.arg(1)), to)
        }
        _ => Answer::Usual,
    }
}

impl Scripted {
    /// A call waits for the lease of `k` at the first node, which says `told` of who has which slots once the call
    /// watches.
    async fn waiting(told: impl Fn(u16) -> Answer) -> (Self, JoinHandle<String>) {
        const MOVED: &[&str] = &["{j}:other", "{k}:other"];
        let entry = entry().await;
        let [here, there] = [(); 2].map(|()| ScriptedNode::start(|_| Answer::Usual));
        let (ours, theirs) = (here.port(), there.port());
        let slots = Answer::slots(&[(0..=16_383, ours)]);
        here.script(move |command| holder(command, &slots, &[], theirs));
        let told = told(theirs);
        let slots_there = told.clone();
        there.script(move |command| match command.name() {
            "CLUSTER SLOTS" => slots_there.clone(),
            "EVALSHA" => acquired(1, &entry, "$-1"),
            _ => Answer::Usual,
        });
        let waiter = patient(Redis::cluster([here.url()]));
        let waits = wait(&waiter, "k");
        until("it watches", || here.count("CLIENT CACHING") > 0 && here.count("EVALSHA") > 1).await;
        let nodes = Self { here, there, waiter, since: Instant::now() };
        nodes.nobody_asks(&waits).await;
        nodes.here.script(move |command| holder(command, &told, MOVED, theirs));
        (nodes, waits)
    }

    /// The call waits, and does not poll.
    async fn nobody_asks(&self, waits: &JoinHandle<String>) {
        sleep(WHILE).await;
        let asked = [&self.here, &self.there].map(|node| node.count("EVALSHA"));
        let is_early = self.since.elapsed() < LOOK;
        assert!(!is_early || (asked == [2, 0] && !waits.is_finished()), "{asked:?}");
    }

    /// Reads a key that is not there.
    async fn read(&self, key: &str) {
        assert_eq!(self.waiter.entry::<String>(key).peek().await.unwrap(), None);
    }

    /// Whether the call is served by the other node before it would have looked there by itself.
    async fn is_served_at_once(&self, waits: JoinHandle<String>) -> bool {
        assert_eq!(given(waits).await, "stored there");
        let asked = [&self.here, &self.there].map(|node| node.count("EVALSHA"));
        println!("{asked:?} after {:?}", self.since.elapsed());
        asked == [2, 1] && self.since.elapsed() < LOOK
    }
}

/// The entry of `k`, as a cache on a real server writes it.
async fn entry() -> Vec<u8> {
    let server = RedisServer::start();
    let cache = server.cache().await;
    cache.entry::<String>("k").ttl(TTL).set(&"stored there".to_owned()).await.unwrap();
    redis::cmd("GET").arg("k").query(&mut server.connection()).unwrap()
}

#[tokio::test]
async fn a_waiter_asks_by_itself_when_another_key_shows_that_its_slot_has_moved() {
    for _ in 0..MOST_TRIES {
        // The nodes do not tell the table, so it is the redirect that shows it.
        let (nodes, waits) = Scripted::waiting(|_| Answer::error("ERR no")).await;
        nodes.read("{j}:other").await;
        nodes.nobody_asks(&waits).await; // that was another slot
        nodes.read("{k}:other").await;
        if nodes.is_served_at_once(waits).await {
            return;
        }
    }
    panic!("it looked by itself");
}

#[tokio::test]
async fn a_waiter_asks_by_itself_when_the_table_shows_that_its_slot_has_moved() {
    for _ in 0..MOST_TRIES {
        let (nodes, waits) = Scripted::waiting(|to| Answer::slots(&[(0..=16_383, to)])).await;
        nodes.read("{j}:other").await;
        if nodes.is_served_at_once(waits).await {
            return;
        }
    }
    panic!("it looked by itself");
}
