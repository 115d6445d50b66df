//! A primary with replicas, and sentinels that watch it.
//!
//! ```no_run
//! use cachefence_tests::RedisSentinels;
//!
//! let mut sentinels = RedisSentinels::start(); // 3 sentinels, a primary and a replica
//! let first = sentinels.primary().port();
//! sentinels.failover(); // as an operator does; the first one follows some 10 s later
//! assert_ne!(sentinels.primary().port(), first);
//! sentinels.await_replicas();
//! sentinels.kill_primary();
//! sentinels.await_promotion();
//! assert_eq!(sentinels.primary().port(), first);
//! sentinels.restart_old(); // says for some 10 s that it is a primary
//! ```

mod builder;

use std::sync::atomic::{AtomicUsize, Ordering};

pub use self::builder::RedisSentinelsBuilder;

use crate::RedisServer;
use crate::wait::until_ok;

/// The name by which the sentinels know the primary.
const NAME: &str = "main";

/// Running sentinels, the primary that they watch, and its replicas.
///
/// Dropping it kills all. It blocks as all of the harness does, some methods for seconds; a test that goes on meanwhile
/// calls them in `spawn_blocking` or on a thread.
#[derive(Debug)]
pub struct RedisSentinels {
    /// Declared before `nodes`: dropped before them, so that no failover begins.
    sentinels: Vec<RedisServer>,
    nodes: Vec<RedisServer>,
    /// The number of the primary by the account of all sentinels, when they were last asked.
    primary: AtomicUsize,
    /// The URLs of the sentinels up to the address.
    login: String,
}

impl RedisSentinels {
    /// Starts 3 sentinels without a login, a primary and a replica.
    ///
    /// # Panics
    ///
    /// As [`RedisSentinelsBuilder::start`].
    #[must_use = "all are killed when it is dropped"]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts them with options: `RedisSentinels::builder().replicas(2).login().start()`.
    pub fn builder() -> RedisSentinelsBuilder {
        RedisSentinelsBuilder::default()
    }

    /// The name by which the sentinels know the primary.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The URL of each sentinel, for a cache, with the login that [`RedisSentinelsBuilder::login`] asks for.
    /// The login of the primary is [`login`](crate::login).
    pub fn sentinel_urls(&self) -> Vec<String> {
        let url = |sentinel: &RedisServer| {
            format!("{}127.0.0.1:{}", self.login, sentinel.announced_port())
        };
        self.sentinels.iter().map(url).collect()
    }

    /// One of the sentinels.
    ///
    /// # Panics
    ///
    /// When there is none of this number.
    #[track_caller]
    pub fn sentinel(&self, i: usize) -> &RedisServer {
        &self.sentinels[i]
    }

    /// One of the sentinels, to be killed or started again.
    ///
    /// # Panics
    ///
    /// When there is none of this number.
    #[track_caller]
    pub fn sentinel_mut(&mut self, i: usize) -> &mut RedisServer {
        &mut self.sentinels[i]
    }

    /// The primary and the replicas, in the order of their start: the first one was the primary then.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The primary: the first node, or the one that took its place when a method last waited for that.
    pub fn primary(&self) -> &RedisServer {
        &self.nodes[self.primary.load(Ordering::SeqCst)]
    }

    /// The first of the nodes that run beside the primary.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn replica(&self) -> &RedisServer {
        self.others().next().expect("a replica that runs")
    }

    /// Asks a sentinel for a failover, as an operator does, and waits as [`await_promotion`](Self::await_promotion).
    /// The old primary runs on, and becomes a replica seconds later: see [`await_replicas`](Self::await_replicas).
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn failover(&self) {
        let sentinel = self.running().next().expect("a sentinel that runs");
        until_ok("a sentinel begins a failover", || {
            let failover = redis::cmd("SENTINEL").arg("FAILOVER").arg(NAME).to_owned();
            let begun = failover.exec(&mut sentinel.connection());
            // A replica is eligible when it has answered some questions.
            begun.map_err(|error| error.to_string())
        });
        self.await_promotion();
    }

    /// Kills the primary with SIGKILL.
    pub fn kill_primary(&mut self) {
        let primary = self.primary.load(Ordering::SeqCst);
        self.nodes[primary].kill();
    }

    /// Waits until all sentinels that run name another primary than [`primary`](Self::primary), which takes writes, and
    /// is `primary` from then on. For a primary that was killed or paused.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn await_promotion(&self) {
        let before = self.primary.load(Ordering::SeqCst);
        until_ok("all sentinels name another primary", || {
            let named = self.named()?;
            if named == before { Err("they name the same".to_owned()) } else { Ok(()) }
        });
        until_ok("the new primary takes writes", || {
            let role = role(self.primary());
            if role.starts_with("master") { Ok(()) } else { Err(role) }
        });
    }

    /// Starts the nodes again that were killed, on their ports and without their data. One that was the primary says that
    /// it is one until the sentinels make it a replica: see [`await_replicas`](Self::await_replicas).
    ///
    /// # Panics
    ///
    /// When one does not start.
    pub fn restart_old(&mut self) {
        self.nodes.iter_mut().filter(|node| !node.is_running()).for_each(RedisServer::restart);
    }

    /// Waits until all nodes that run are replicas of the primary, and have its data. The sentinels give a node that says
    /// it is a primary some 10 s.
    ///
    /// # Panics
    ///
    /// When that does not happen in a minute.
    #[track_caller]
    pub fn await_replicas(&self) {
        until_ok("the others follow the primary", || {
            self.named()?; // on a busy machine it may have changed once more
            let primary = self.primary().announced_port();
            let primary = format!("slave\n127.0.0.1\n{primary}\nconnected");
            let stray = self.others().map(role).find(|role| !role.starts_with(&primary));
            stray.map_or(Ok(()), Err)
        });
    }

    /// The number of the node that all sentinels name, which is `primary` from now on.
    fn named(&self) -> Result<usize, String> {
        let ports: Vec<u16> = self.running().map(primary_of).collect();
        let is_named = |node: &RedisServer| ports.iter().all(|port| *port == node.announced_port());
        let named = self.nodes.iter().position(is_named);
        let named = named.ok_or_else(|| format!("they name the ports {ports:?}"))?;
        self.primary.store(named, Ordering::SeqCst);
        Ok(named)
    }

    /// The nodes that run, without the primary.
    fn others(&self) -> impl Iterator<Item = &RedisServer> {
        let primary = self.primary().port();
        self.nodes.iter().filter(move |node| node.is_running() && node.port() != primary)
    }

    /// The sentinels that run.
    fn running(&self) -> impl Iterator<Item = &RedisServer> {
        self.sentinels.iter().filter(|sentinel| sentinel.is_running())
    }

    /// Waits until each sentinel knows the others and the replicas, and that they are well.
    #[track_caller]
    fn await_acquaintance(&self) {
        let (replicas, others) = (self.nodes.len() - 1, self.sentinels.len() - 1);
        let known = format!("num-slaves\n{replicas}\nnum-other-sentinels\n{others}");
        for sentinel in &self.sentinels {
            until_ok("a sentinel knows the others", || {
                let seen = sentinel.cli(&["SENTINEL", "MASTER", NAME]);
                let quorum = sentinel.connection();
                let quorum = redis::cmd("SENTINEL").arg("CKQUORUM").arg(NAME).exec(&mut { quorum });
                let replicas = sentinel.cli(&["SENTINEL", "REPLICAS", NAME]);
                let is_ready = seen.contains("flags\nmaster\n")
                    && seen.contains(&known)
                    && replicas.matches("master-link-status\nok").count() + 1 == self.nodes.len()
                    && quorum.is_ok();
                if is_ready { Ok(()) } else { Err(format!("{seen}\n{replicas}\n{quorum:?}")) }
            });
        }
    }
}

/// The port of the primary, by the account of a sentinel.
#[track_caller]
fn primary_of(sentinel: &RedisServer) -> u16 {
    let address = sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
    let port = address.lines().nth(1).and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("{address:?} is no address"))
}

#[track_caller]
fn role(node: &RedisServer) -> String {
    node.cli(&["ROLE"])
}
