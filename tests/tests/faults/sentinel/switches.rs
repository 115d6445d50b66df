//! Failovers under load: hits come back, nobody sees an error, and the server that was the primary gets nothing more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cachefence::Event;
use cachefence::store::Health;
use cachefence_tests::{NO_SCRIPTS, RedisSentinels, RedisServer, USER, until};
use tokio::task::{JoinHandle, block_in_place};

use super::super::callers::{Callers, KEYS, TTL};
use super::{patient, primary};

/// Callers that go on until they are told to stop.
struct Load {
    callers: Arc<Callers>,
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Hits, and what every connection is for: loads, callers that wait for them, and invalidations.
    fn begin(callers: &Arc<Callers>) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let go_on = |kind: u64| {
            let (callers, is_over) = (Arc::clone(callers), Arc::clone(&is_over));
            tokio::spawn(async move {
                for turn in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    match kind {
                        0 | 1 => callers.call(turn % 2 == 0, turn % KEYS).await,
                        _ => churn(&callers, turn).await,
                    }
                }
            })
        };
        let tasks = (0..4).map(go_on).collect();
        Self { callers: Arc::clone(callers), is_over, tasks }
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("no call fails");
        }
        assert!(self.callers.most_at_a_time() <= 1, "one body per key at a time");
    }
}

/// Loads an entry, which the cache of another process may wait for, and removes it.
async fn churn(callers: &Callers, turn: u64) {
    let load = || async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::io::Result::Ok(turn)
    };
    let key = format!("churn:{}", turn % 2);
    callers.cache.get_or_set(&key, TTL, load).await.expect("no call fails");
    let _ = callers.cache.invalidate(&key).await;
}

/// How often each command ran that a cache sends and a sentinel or a test does not.
fn commands(server: &RedisServer) -> BTreeMap<String, u64> {
    let ours = [
        "get",
        "mget",
        "set",
        "del",
        "time",
        "evalsha",
        "script|load",
        "watch",
        "multi",
        "role",
        "hello",
        "client|tracking",
        "client|caching",
        "client|setinfo",
        "getrange",
        "pttl",
    ];
    let mut all = server.command_stats();
    all.retain(|command, _| ours.contains(&command.as_str()));
    all
}

fn clients(server: &RedisServer) -> usize {
    let all = server.cli(&["CLIENT", "LIST"]);
    all.lines().filter(|line| line.contains(&format!("user={USER} "))).count()
}

async fn callers(sentinels: &RedisSentinels) -> Arc<Callers> {
    let callers = Callers::of(patient(primary(sentinels)).build().await.unwrap());
    callers.warm().await;
    Arc::new(callers)
}

/// All that is cached is served from the cache.
async fn all_are_hits(callers: &Callers) {
    let before = callers.bodies();
    callers.calls(1).await;
    assert_eq!(callers.bodies(), before, "what is cached is served from the cache");
}

#[tokio::test]
async fn hits_are_served_by_the_primary() {
    let sentinels = RedisSentinels::start();
    let callers = callers(&sentinels).await;
    all_are_hits(&callers).await;
    assert_eq!(callers.cache.status().health, Health::Up);
    assert_eq!(callers.cache.stats().troubles.total(), 0);
    assert_eq!(callers.bodies(), KEYS);
    assert!(sentinels.primary().command_count("get") > 0);
    assert_eq!(clients(sentinels.replica()), 0);
}

/// The server that was the primary goes on to be one for some 10 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_switch_no_command_reaches_the_server_that_was_the_primary() {
    for args in [&[][..], &NO_SCRIPTS] {
        let sentinels =
            RedisSentinels::builder().each(|node| node.args(args.iter().copied())).start();
        // Two processes, so that callers wait for the loads of others.
        let (ours, theirs) = (callers(&sentinels).await, callers(&sentinels).await);
        let old = sentinels.primary();
        let loads = [&ours, &theirs].map(Load::begin);
        let before = ours.bodies() + theirs.bodies();
        block_in_place(|| sentinels.failover());
        let began = Instant::now();
        until("every connection is closed", || clients(old) == 0).await;
        assert!(old.cli(&["ROLE"]).starts_with("master"), "nobody else has closed them");
        let (sent, connections) = (commands(old), old.info("stats", "total_connections_received"));
        println!("all are closed {:.0?} after the sentinels agreed", began.elapsed());
        let hits =
            sentinels.primary().command_count("get") + sentinels.primary().command_count("mget");
        until("hits are served by the new primary", || {
            sentinels.primary().command_count("get") + sentinels.primary().command_count("mget")
                > hits + 1_000
        })
        .await;
        let others = old.info("stats", "total_connections_received") - connections;
        println!("{others} connections since, of the harness and of sentinels");
        assert_eq!(commands(old), sent, "the old primary gets no command");
        assert_eq!(clients(old), 0);
        assert!(old.cli(&["ROLE"]).starts_with("master"), "the old primary would have taken them");
        for load in loads {
            load.end().await;
        }
        let bodies = ours.bodies() + theirs.bodies() - before;
        assert!(bodies <= KEYS, "{bodies} loads of {KEYS} keys");
        all_are_hits(&ours).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_come_back_after_the_primary_was_killed() {
    let mut sentinels = RedisSentinels::start();
    let (tell, told) = mpsc::channel();
    let builder = patient(primary(&sentinels)).observe(move |event: &Event<'_>| match event {
        Event::StoreDown { .. } => _ = tell.send("down".to_owned()),
        Event::StoreUp { server, .. } => _ = tell.send((*server).to_owned()),
        _ => {}
    });
    let callers = Arc::new(Callers::of(builder.build().await.unwrap()));
    callers.warm().await;
    let load = Load::begin(&callers);
    sentinels.kill_primary();
    block_in_place(|| sentinels.await_promotion());
    let (began, before) = (Instant::now(), callers.bodies());
    callers.until_a_hit().await;
    println!("the first hit came {:.0?} after the promotion", began.elapsed());
    let up = || callers.cache.status().health == Health::Up;
    until("the cache is well", up).await;
    all_are_hits(&callers).await;
    load.end().await;
    let bodies = callers.bodies() - before;
    println!("{bodies} bodies after the promotion");
    assert!(bodies <= KEYS, "{bodies} loads of {KEYS} keys");
    callers.cache.invalidate("row:0").await.unwrap();
    assert!(sentinels.primary().command_count("del") > 0);
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told, ["down", "the primary `main`"], "an outage, and its end on another server");
}

/// How many clients listen to the sentinels.
fn listeners(sentinels: &RedisSentinels) -> usize {
    let of = |i| sentinels.sentinel(i).cli(&["CLIENT", "LIST"]).matches(" sub=1 ").count();
    (0..3).map(of).sum()
}

#[test]
fn nobody_listens_after_the_cache_or_the_runtime_has_ended() {
    let sentinels = RedisSentinels::start();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let cache = patient(primary(&sentinels)).build_lazy().unwrap();
    assert_eq!(listeners(&sentinels), 0);
    let call = async || {
        let load = || async { std::io::Result::Ok(1) };
        cache.get_or_set("k", TTL, load).await.unwrap();
    };
    let all = || listeners(&sentinels) == 3;
    let none = || listeners(&sentinels) == 0;
    first.block_on(async {
        call().await;
        until("every sentinel is listened to", all).await;
    });
    drop(first);
    let second = runtime();
    second.block_on(async {
        until("nobody listens", none).await;
        call().await;
        until("every sentinel is listened to again", all).await;
    });
    drop(cache);
    second.block_on(until("nobody listens", none));
}
