//! Nodes that say of one another what no real server says: every call ends in its body, within its budget, and hits come
//! back by themselves once the nodes behave.
//!
//! The entry that the nodes serve was written by a cache on a real server.

use std::convert::Infallible;
use std::future::ready;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cachefence::{CacheFence, Redis};
use cachefence_tests::{Answer, Command, DEADLINE, RedisServer, ScriptedNode, slot_of, until};

const TTL: Duration = Duration::from_secs(3_600);
const KEY: &str = "k";

/// How long an operation may take, and how many operations longer a call may where the machine is busy.
const OP_TIMEOUT: Duration = Duration::from_millis(100);
const NOISE: u32 = 4;

/// How long after the nodes were asked for the table they are not asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// How many calls are made at least of nodes that do not behave, and for how long.
const CALLS: usize = 20;
const LASTS: Duration = Duration::from_millis(500);

/// The value in the entry, and the one that bodies return.
const STORED: u32 = 1;
const LOADED: u32 = 2;

/// All slots.
const ALL: std::ops::RangeInclusive<u16> = 0..=16_383;

/// What the calls of one case have cost.
struct Cost {
    calls: usize,
    /// Why the calls had no lease.
    failed: u64,
    down: u64,
    /// How often each node was asked for the entry, and for the table.
    gets: [usize; 2],
    tables: [usize; 2],
}

/// What each node has received.
struct Counts {
    gets: [usize; 2],
    tables: [usize; 2],
    connections: [usize; 2],
}

/// Two nodes, of which the cache is told the first.
struct Nodes {
    here: ScriptedNode,
    there: ScriptedNode,
    cache: CacheFence,
    entry: Vec<u8>,
    bodies: AtomicUsize,
}

impl Nodes {
    /// Nodes that behave, and a cache that has found its entry there.
    async fn behaving() -> Self {
        let entry = entry().await;
        let [here, there] = [(); 2].map(|()| ScriptedNode::start(|_| Answer::Usual));
        let cache = CacheFence::builder()
            .redis(Redis::cluster([here.url()]))
            .op_timeout(OP_TIMEOUT)
            .beta(0.0)
            .build_lazy()
            .unwrap();
        let nodes = Self { here, there, cache, entry, bodies: AtomicUsize::new(0) };
        nodes.behave();
        nodes.until_a_hit().await;
        nodes
    }

    /// Has the first node hold all slots, and the entry.
    fn behave(&self) {
        let (port, entry) = (self.here.port(), self.entry.clone());
        for node in [&self.here, &self.there] {
            let entry = entry.clone();
            let is_here = node.port() == port;
            node.script(move |command| match command.name() {
                "CLUSTER SLOTS" => Answer::slots(&[(ALL, port)]),
                _ if !is_here => elsewhere(command, port),
                "GET" => Answer::string(&entry),
                _ => Answer::Usual,
            });
        }
    }

    /// Has the first node answer what names a key by `here`, and the second by `there`. Both say that the first holds
    /// all slots.
    fn say(
        &self,
        here: impl Fn(&Command) -> Answer + Send + Sync + 'static,
        there: impl Fn(&Command) -> Answer + Send + Sync + 'static,
    ) {
        let port = self.here.port();
        self.here.script(move |command| to_keys(command, port, &here));
        self.there.script(move |command| to_keys(command, port, &there));
    }

    async fn call(&self) -> u32 {
        let body = || {
            self.bodies.fetch_add(1, Ordering::SeqCst);
            ready(Ok::<_, Infallible>(LOADED))
        };
        self.cache.get_or_set(KEY, TTL, body).await.unwrap()
    }

    /// Calls until one is a hit.
    async fn until_a_hit(&self) {
        let began = Instant::now();
        while self.call().await != STORED {
            assert!(began.elapsed() < DEADLINE, "no hit");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Calls one after the other: each ends in its body, soon, and no node is asked more often than a few times for it.
    async fn are_done_without(&self, what: &str) -> Cost {
        let (before, counted) = (self.counts(), self.cache.stats());
        let (began, mut calls, mut longest) = (Instant::now(), 0, Duration::ZERO);
        let bodies = self.bodies.load(Ordering::SeqCst);
        while calls < CALLS || began.elapsed() < LASTS {
            let called = Instant::now();
            assert_eq!(self.call().await, LOADED, "{what}");
            longest = longest.max(called.elapsed());
            calls += 1;
            tokio::time::sleep(Duration::from_millis(1)).await; // some hundred calls do
        }
        let took = began.elapsed();
        assert_eq!(self.bodies.load(Ordering::SeqCst) - bodies, calls, "{what}");
        let (now, counts) = (self.cache.stats(), self.counts());
        let since = |of: fn(&Counts) -> [usize; 2]| [0, 1].map(|i| of(&counts)[i] - of(&before)[i]);
        let cost = Cost {
            calls,
            failed: now.bypasses.store_failed - counted.bypasses.store_failed,
            down: now.bypasses.store_down - counted.bypasses.store_down,
            gets: since(|counts| counts.gets),
            tables: since(|counts| counts.tables),
        };
        let connections = since(|counts| counts.connections);
        println!(
            "{what}: {calls} calls in {took:.0?}, the longest {longest:.1?}; {} failed, {} down; reads {:?}, tables {:?}, \
             connections {connections:?}",
            cost.failed, cost.down, cost.gets, cost.tables
        );
        assert!(longest < OP_TIMEOUT * (1 + NOISE), "{what}: {longest:?}");
        // The store failed in each call, and the calls say why they had no lease.
        let bypassed = now.bypasses.total() - counted.bypasses.total();
        assert_eq!((cost.failed + cost.down, bypassed), (calls as u64, calls as u64), "{what}");
        assert_eq!(now.failures.read - counted.failures.read, calls as u64, "{what}");
        // A read follows two redirects at the most.
        assert!(cost.gets.iter().sum::<usize>() <= 3 * calls, "{what}: {:?}", cost.gets);
        let pauses = usize::try_from(took.as_millis() / PAUSE.as_millis()).unwrap();
        assert!(cost.tables.iter().sum::<usize>() <= pauses + 2, "{what}: {:?}", cost.tables);
        // A node that is left alone is probed on a connection each time, and garbage costs the two of a link.
        assert!(
            connections.iter().all(|made| *made <= 2 * (pauses + 2)),
            "{what}: {connections:?}"
        );
        cost
    }

    /// The nodes behave again, and serve hits without anything being restarted.
    async fn heal(&self, what: &str) {
        self.behave();
        let began = Instant::now();
        self.until_a_hit().await;
        println!("{what}: the first hit after {:.0?}", began.elapsed());
        for _ in 0..CALLS {
            assert_eq!(self.call().await, STORED, "{what}");
        }
    }

    fn counts(&self) -> Counts {
        let nodes = [&self.here, &self.there];
        let of = |name| nodes.map(|node| node.count(name));
        let connections = nodes.map(|node| {
            node.received().into_iter().map(|(connection, _)| connection + 1).max().unwrap_or(0)
        });
        Counts { gets: of("GET"), tables: of("CLUSTER SLOTS"), connections }
    }
}

/// The entry of [`KEY`], as a cache on a real server writes it.
async fn entry() -> Vec<u8> {
    let server = RedisServer::start();
    let cache = server.cache().await;
    cache.entry::<u32>(KEY).ttl(TTL).set(&STORED).await.unwrap();
    redis::cmd("GET").arg(KEY).query(&mut server.connection()).unwrap()
}

/// `MOVED` to the node on this port, for what names a key.
fn elsewhere(command: &Command, port: u16) -> Answer {
    to_keys(command, port, &|command| Answer::moved(slot_of(command.arg(1)), port))
}

/// Answers what names a key by `script`, and everything else as a node that says that the one on `port` holds all.
fn to_keys(command: &Command, port: u16, script: &dyn Fn(&Command) -> Answer) -> Answer {
    match command.name() {
        "CLUSTER SLOTS" => Answer::slots(&[(ALL, port)]),
        "GET" | "DEL" | "EVALSHA" | "SET" | "MGET" => script(command),
        _ => Answer::Usual,
    }
}

/// The port of a node that is gone.
fn gone() -> u16 {
    ScriptedNode::start(|_| Answer::Usual).port()
}

fn moved(to: u16) -> impl Fn(&Command) -> Answer + Send + Sync + 'static {
    move |_| Answer::moved(slot_of(KEY), to)
}

fn ask(to: u16) -> impl Fn(&Command) -> Answer + Send + Sync + 'static {
    move |_| Answer::ask(slot_of(KEY), to)
}

#[tokio::test]
async fn moved_to_itself() {
    let nodes = Nodes::behaving().await;
    nodes.say(moved(nodes.here.port()), |_| Answer::Usual);
    let cost = nodes.are_done_without("MOVED to itself").await;
    assert_eq!(cost.down, 0, "it does answer");
    assert_eq!(cost.gets, [3 * cost.calls, 0]);
    assert!(cost.tables[0] > 0, "the table is looked at");
    nodes.heal("MOVED to itself").await;
}

#[tokio::test]
async fn moved_in_circles() {
    let nodes = Nodes::behaving().await;
    nodes.say(moved(nodes.there.port()), moved(nodes.here.port()));
    let cost = nodes.are_done_without("MOVED in circles").await;
    assert_eq!(cost.down, 0, "they do answer");
    assert!(cost.gets[1] >= cost.calls, "the other one is asked too");
    nodes.heal("MOVED in circles").await;
}

#[tokio::test]
async fn moved_to_a_node_that_is_gone() {
    let nodes = Nodes::behaving().await;
    nodes.say(moved(gone()), |_| Answer::Usual);
    let cost = nodes.are_done_without("MOVED to a node that is gone").await;
    assert!(cost.down > cost.failed, "it is left alone");
    nodes.heal("MOVED to a node that is gone").await;
}

#[tokio::test]
async fn moved_to_a_node_that_never_answers() {
    let nodes = Nodes::behaving().await;
    nodes.say(moved(nodes.there.port()), |_| Answer::Nothing);
    let cost = nodes.are_done_without("MOVED to a node that never answers").await;
    assert!(cost.down > 0, "it is left alone");
    nodes.heal("MOVED to a node that never answers").await;
}

#[tokio::test]
async fn moved_to_a_machine_that_accepts_and_says_nothing() {
    let nodes = Nodes::behaving().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    nodes.say(moved(silent.local_addr().unwrap().port()), |_| Answer::Usual);
    let cost = nodes.are_done_without("MOVED to a machine that says nothing").await;
    assert!(cost.down > 0, "it is left alone");
    nodes.heal("MOVED to a machine that says nothing").await;
}

#[tokio::test]
async fn asked_without_end() {
    let nodes = Nodes::behaving().await;
    nodes.say(ask(nodes.there.port()), ask(nodes.here.port()));
    let cost = nodes.are_done_without("ASK without end").await;
    assert_eq!(cost.down, 0, "they do answer");
    assert_eq!(nodes.there.count("ASKING"), cost.gets[1], "each is told that it was named so");
    nodes.heal("ASK without end").await;
}

#[tokio::test]
async fn asked_of_a_node_that_is_gone() {
    let nodes = Nodes::behaving().await;
    nodes.say(ask(gone()), |_| Answer::Usual);
    nodes.are_done_without("ASK of a node that is gone").await;
    nodes.heal("ASK of a node that is gone").await;
}

/// As where a cluster grows: the first slot is being handed to a node that has none, which is in no table.
#[tokio::test]
async fn a_node_without_slots_is_asked_over_the_same_connections() {
    let nodes = Nodes::behaving().await;
    let entry = nodes.entry.clone();
    nodes.say(ask(nodes.there.port()), move |_| Answer::string(&entry));
    for _ in 0..CALLS {
        assert_eq!(nodes.call().await, STORED);
    }
    let counts = nodes.counts();
    assert_eq!((counts.gets[1], nodes.there.count("ASKING")), (CALLS, CALLS));
    assert_eq!(counts.connections[1], 2, "that of reads, and that of writes");
}

#[tokio::test]
async fn garbage_for_a_redirect() {
    let nodes = Nodes::behaving().await;
    for words in [
        "MOVED 1 no-such-host.invalid:1",
        "MOVED",
        "MOVED x y",
        "MOVED 16384 127.0.0.1:1",
        "MOVED 1 127.0.0.1:0",
        "MOVED 1 127.0.0.1:70000",
        "MOVED 1 \u{fffd}:1",
        "MOVED -1 127.0.0.1",
        "MOVED 1 ?:1",
        "ASK",
        "ASK 1 :",
        "ASK 1 no-such-host.invalid:1",
    ] {
        nodes.say(move |_| Answer::error(words), |_| Answer::Usual);
        nodes.are_done_without(words).await;
        nodes.heal(words).await;
    }
}

#[tokio::test]
async fn a_node_that_answers_nothing() {
    let nodes = Nodes::behaving().await;
    nodes.here.script(|_| Answer::Nothing);
    let cost = nodes.are_done_without("nothing").await;
    assert!(cost.down > cost.failed, "it is left alone");
    nodes.heal("nothing").await;
}

#[tokio::test]
async fn a_node_that_does_not_say_who_has_which_slots() {
    let nodes = Nodes::behaving().await;
    let itself = moved(nodes.here.port());
    nodes.here.script(move |command| match command.name() {
        "CLUSTER SLOTS" => Answer::Nothing,
        _ => to_keys(command, 1, &itself),
    });
    nodes.are_done_without("no table").await;
    nodes.heal("no table").await;
}

/// Replies to `CLUSTER SLOTS` that are none.
const NO_TABLES: [&str; 13] = [
    "+OK\r\n",
    ":1\r\n",
    "$-1\r\n",
    "-ERR no\r\n",
    "*0\r\n",
    "*1\r\n*0\r\n",
    "*1\r\n:1\r\n",
    "*1\r\n*2\r\n:0\r\n:16383\r\n",
    "*1\r\n*3\r\n:0\r\n:16383\r\n*0\r\n",
    "*1\r\n*3\r\n:9\r\n:1\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:70000\r\n",
    "?!\r\n",
];

#[tokio::test]
async fn garbage_for_a_table() {
    let nodes = Nodes::behaving().await;
    for reply in NO_TABLES {
        let (what, port) = (reply.escape_debug().to_string(), nodes.here.port());
        let garbage = move |command: &Command| match command.name() {
            "CLUSTER SLOTS" => Some(Answer::Reply(reply.into())),
            _ => None,
        };
        nodes.here.script(move |command| {
            garbage(command).unwrap_or_else(|| to_keys(command, port, &moved(port)))
        });
        nodes.are_done_without(&what).await;
        // Whoever has no table asks the node that was named, which holds the entry.
        let entry = nodes.entry.clone();
        nodes.here.script(move |command| {
            let usual = || to_keys(command, port, &|_| Answer::string(&entry));
            garbage(command).unwrap_or_else(usual)
        });
        let redis = || CacheFence::builder().redis(Redis::cluster([nodes.here.url()]));
        let cache = redis().op_timeout(DEADLINE).build_lazy().unwrap();
        for _ in 0..CALLS {
            let body = || ready(Ok::<_, Infallible>(LOADED));
            let value = cache.get_or_set(KEY, TTL, body).await.unwrap();
            assert_eq!(value, STORED, "{what}: {:?}", cache.stats());
        }
        let error = redis().build().await.unwrap_err().to_string();
        assert!(error.contains(&format!("Redis at 127.0.0.1:{port}")), "{what}: {error}");
        println!("{what}: {error}");
        nodes.heal(&what).await;
    }
}

#[tokio::test]
async fn a_node_that_does_not_know_its_own_host_is_where_it_was_asked() {
    let nodes = Nodes::behaving().await;
    let (there, entry) = (nodes.there.port(), nodes.entry.clone());
    let tables = || nodes.counts().tables.iter().sum::<usize>();
    let told = tables();
    for node in [&nodes.here, &nodes.there] {
        let (is_there, entry) = (node.port() == there, entry.clone());
        node.script(move |command| match command.name() {
            "CLUSTER SLOTS" => Answer::slots_at([("", ALL, there)]),
            "GET" if is_there => Answer::string(&entry),
            "GET" => Answer::error(&format!("MOVED {} :{there}", slot_of(KEY))),
            _ => Answer::Usual,
        });
    }
    for _ in 0..CALLS {
        assert_eq!(nodes.call().await, STORED);
    }
    until("the table is told", || tables() > told).await;
    let asked_here = nodes.here.count("GET");
    for _ in 0..CALLS {
        assert_eq!(nodes.call().await, STORED);
    }
    assert_eq!((nodes.here.count("GET"), nodes.there.count("GET")), (asked_here, 2 * CALLS));
}

#[tokio::test]
async fn of_two_who_are_said_to_have_a_slot_the_one_is_asked_that_has_it() {
    let nodes = Nodes::behaving().await;
    let (here, there) = (nodes.here.port(), nodes.there.port());
    for owners in [[here, there], [there, here]] {
        let entry = nodes.entry.clone();
        nodes.here.script(move |command| match command.name() {
            "CLUSTER SLOTS" => Answer::slots(&owners.map(|port| (ALL, port))),
            _ => to_keys(command, here, &|_| Answer::string(&entry)),
        });
        let redis = Redis::cluster([nodes.here.url()]);
        let cache = CacheFence::builder().redis(redis).op_timeout(DEADLINE).build_lazy().unwrap();
        for _ in 0..CALLS {
            let body = || ready(Ok::<_, Infallible>(LOADED));
            assert_eq!(cache.get_or_set(KEY, TTL, body).await.unwrap(), STORED, "{owners:?}");
            tokio::time::sleep(PAUSE / 10).await; // the table is told meanwhile
        }
    }
}

#[tokio::test]
async fn try_again_and_cluster_down_without_end() {
    let nodes = Nodes::behaving().await;
    for words in [
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN Hash slot not served",
        "CLUSTERDOWN The cluster is down",
    ] {
        nodes.say(move |_| Answer::error(words), |_| Answer::Usual);
        nodes.are_done_without(words).await;
        nodes.heal(words).await;
    }
}
