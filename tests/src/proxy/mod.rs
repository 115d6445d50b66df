//! A TCP proxy in front of a server: it does to the traffic what networks do, and counts what comes through.

mod pump;
mod resp;
mod road;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

pub(crate) use self::resp::{take_message, words};
use self::road::Road;
use crate::acl;

/// What happens to the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Everything is passed on.
    #[default]
    None,
    /// Connections stay open and new ones are accepted; nothing is passed on and nothing comes back.
    BlackHole,
    /// Every connection is reset, and every new one at once.
    Reset,
    /// Each reply is late by this.
    Delay(Duration),
    /// Replies come byte by byte, this far apart.
    Drip(Duration),
    /// Half of each reply is passed on, and then the connection is closed.
    Truncate,
    /// So many bytes of replies come in a second, over all connections together, which get equal shares.
    Bandwidth(u32),
    /// `HELLO` is an unknown command, as it was before Redis 6.
    Resp2Only,
}

/// A running proxy. Dropping it closes its connections.
///
/// It runs on a thread of its own: a test that starves its runtime does not slow it down.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the test and the connections share.
#[derive(Debug)]
struct Shared {
    /// The port of the server to which new connections lead.
    server: AtomicU16,
    fault: watch::Sender<Fault>,
    /// How many of the connections, the oldest first, are silent for good.
    silent: watch::Sender<usize>,
    road: Road,
    /// The command that is the last one of its connection.
    last: Mutex<Option<&'static str>>,
    /// Replies that are still to be lost.
    to_lose: AtomicU64,
    /// Replies that are still to be sent twice.
    to_repeat: AtomicU64,
    accepted: Mutex<Vec<Instant>>,
    commands: Mutex<BTreeMap<String, u64>>,
}

impl Proxy {
    /// Starts a proxy in front of the server that listens on `port` of 127.0.0.1, whether it does now or later.
    ///
    /// # Panics
    ///
    /// When there is no port or no thread to be had.
    #[must_use = "the proxy ends when it is dropped"]
    pub fn start(port: u16) -> Self {
        let shared = Arc::new(Shared {
            server: AtomicU16::new(port),
            fault: watch::Sender::default(),
            silent: watch::Sender::default(),
            road: Road::default(),
            last: Mutex::default(),
            to_lose: AtomicU64::new(0),
            to_repeat: AtomicU64::new(0),
            accepted: Mutex::default(),
            commands: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("it does not block");
                tokio::spawn(pump::accept(listener, serving));
                let _ = stopped.await;
            });
        });
        Self { port, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// The URL of the [`RedisServer`](crate::RedisServer) behind it.
    pub fn url(&self) -> String {
        acl::url(&self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Has `fault` happen from now on, on connections that exist as well.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Has new connections lead to the server that listens on `port`, as a name does after a failover. Those that exist
    /// stay where they are.
    pub fn lead_to(&self, port: u16) {
        self.shared.server.store(port, Ordering::SeqCst);
    }

    /// Swallows from now on what comes on the connections that exist, as a router does that has forgotten them: neither
    /// end is told. New connections are passed on.
    pub fn silence_existing(&self) {
        let accepted = lock(&self.shared.accepted);
        self.shared.silent.send_replace(accepted.len());
    }

    /// Loses the next `count` replies: whoever waits for one gets the next one's.
    pub fn lose_replies(&self, count: u64) {
        self.shared.to_lose.fetch_add(count, Ordering::SeqCst);
    }

    /// Sends the next `count` replies twice: whoever waits for a later one gets that of an earlier one.
    pub fn repeat_replies(&self, count: u64) {
        self.shared.to_repeat.fetch_add(count, Ordering::SeqCst);
    }

    /// Ends the connection of the next command of this name, in upper case, when it has been carried out: its reply is
    /// lost.
    pub fn lose_connection_at(&self, command: &'static str) {
        *lock(&self.shared.last) = Some(command);
    }

    /// When each connection was accepted.
    pub fn accepted(&self) -> Vec<Instant> {
        lock(&self.shared.accepted).clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        lock(&self.shared.accepted).len()
    }

    /// How many commands have come, with each name in upper case.
    pub fn commands(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.commands).clone()
    }

    /// How many commands have come that a cache sends for its callers: all but those that set up a connection or ask
    /// whether the server is well.
    pub fn operations(&self) -> u64 {
        let own = ["CLIENT", "AUTH", "HELLO", "TIME", "PING", "SELECT"];
        self.commands()
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .map(|(_, n)| n)
            .sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The number of a connection that has just been accepted: how many there were before.
    fn note_connection(&self) -> usize {
        let mut accepted = lock(&self.accepted);
        accepted.push(Instant::now());
        accepted.len() - 1
    }

    /// Whether the command of this name, which has just come, is the last one of its connection.
    fn is_last(&self, name: &str) -> bool {
        lock(&self.last).take_if(|last| *last == name).is_some()
    }

    fn note_command(&self, name: String) {
        *lock(&self.commands).entry(name).or_default() += 1;
    }
}

/// Takes one off, if there is one.
fn take_one(count: &AtomicU64) -> bool {
    let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
    count.fetch_update(set, fetch, |left| left.checked_sub(1)).is_ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
