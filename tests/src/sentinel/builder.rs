//! How sentinels are started, with what they watch.

use std::fmt::Write as _;
use std::sync::atomic::AtomicUsize;

use super::{NAME, RedisSentinels};
use crate::acl::random_password;
use crate::builder::Certificates;
use crate::tls::certificates;
use crate::{Authority, RedisServer, RedisServerBuilder, SENTINEL_RULES, WATCHED_RULES};

/// How many sentinels there are.
const SENTINELS: usize = 3;

/// The user as whom the sentinels log in at the nodes, with the rules of Redis's own documentation.
const WATCHER: [&str; 15] = [
    "watcher",
    "on",
    "allchannels",
    "+multi",
    "+slaveof",
    "+ping",
    "+exec",
    "+subscribe",
    "+config|rewrite",
    "+role",
    "+publish",
    "+info",
    "+client|setname",
    "+client|kill",
    "+script|kill",
];

/// The options of sentinels that are about to start; see [`RedisSentinels::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct RedisSentinelsBuilder {
    replicas: usize,
    down_after: u32,
    has_login: bool,
    /// Those of the sentinels.
    tls: Option<Certificates>,
    node: RedisServerBuilder,
}

impl Default for RedisSentinelsBuilder {
    fn default() -> Self {
        Self {
            replicas: 1,
            down_after: 2_000,
            has_login: false,
            tls: None,
            node: RedisServer::builder().more_rules(WATCHED_RULES),
        }
    }
}

impl RedisSentinelsBuilder {
    /// Sets how many replicas the primary has: at least 1, which is the default.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas.max(1);
        self
    }

    /// Sets after how many milliseconds without an answer a sentinel takes the primary for dead. The default is 2,000, which a busy
    /// machine does not reach: with 500 and six programs on two cores there were failovers that nobody had asked for.
    pub fn down_after(mut self, millis: u32) -> Self {
        self.down_after = millis;
        self
    }

    /// Has the sentinels ask for a login, which is not that of the nodes: [`RedisSentinels::sentinel_urls`] have it. Its
    /// user may do [`SENTINEL_RULES`].
    pub fn login(mut self) -> Self {
        self.has_login = true;
        self
    }

    /// Has the sentinels speak TLS with certificates of one authority, and the nodes with those of another. `None` where the
    /// server was built without it; a line then says that the test is left out.
    pub fn tls(mut self, of_sentinels: &Authority, of_nodes: &Authority) -> Option<Self> {
        self.tls = Some(certificates(of_sentinels, &[of_nodes])?);
        self.node = self.node.tls(certificates(of_nodes, &[of_sentinels])?);
        Some(self)
    }

    /// Sets other options of the primary and the replicas.
    pub fn each(mut self, options: impl FnOnce(RedisServerBuilder) -> RedisServerBuilder) -> Self {
        self.node = options(self.node);
        self
    }

    /// Starts all, and returns when each sentinel knows the others, the primary and the replicas.
    ///
    /// # Panics
    ///
    /// When one does not start, or that does not happen in a minute.
    pub fn start(self) -> RedisSentinels {
        let password = random_password();
        let node = self
            .node
            .arg("--user")
            .args(WATCHER)
            .arg(format!(">{password}"))
            .args(["--repl-diskless-sync-delay", "0"]);
        let node = match node.password.clone() {
            Some(password) => node.args(["--masterauth", &password]),
            None => node,
        };
        let mut nodes = vec![node.clone().start()];
        let primary = nodes[0].announced_port();
        for _ in 0..self.replicas {
            nodes.push(
                node.clone().args(["--replicaof", "127.0.0.1", &primary.to_string()]).start(),
            );
        }
        let login = self.has_login.then(|| [(); 2].map(|()| random_password()));
        let mut config = format!(
            "sentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {NAME} {}\n\
             sentinel failover-timeout {NAME} 3000\n\
             sentinel parallel-syncs {NAME} 2\n\
             sentinel auth-user {NAME} {}\n\
             sentinel auth-pass {NAME} {password}\n",
            self.down_after, WATCHER[0],
        );
        let mut sentinel = RedisServer::builder();
        if let Some(certificates) = self.tls.clone() {
            sentinel = sentinel.tls(certificates);
        }
        if let Some([ours, theirs]) = &login {
            // Redis 6.2 gives a new user all channels, and then takes no other.
            let _ = writeln!(
                config,
                "sentinel sentinel-pass {theirs}\nuser asker on >{ours} resetchannels {SENTINEL_RULES}"
            );
            sentinel = sentinel.password(theirs);
        }
        // Sentinels hear of one another and of replicas in seconds, and one that reads of them knows them.
        for replica in &nodes[1..] {
            let _ = writeln!(
                config,
                "sentinel known-replica {NAME} 127.0.0.1 {}",
                replica.announced_port()
            );
        }
        let mut sentinels: Vec<RedisServer> = Vec::new();
        for i in 0..SENTINELS {
            let mut config = format!("{config}sentinel myid {i:040x}\n");
            for (other, known) in sentinels.iter().enumerate() {
                let port = known.announced_port();
                let _ = writeln!(
                    config,
                    "sentinel known-sentinel {NAME} 127.0.0.1 {port} {other:040x}"
                );
            }
            sentinels.push(sentinel.clone().sentinel(config).start());
        }
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        let login = login.map_or_else(String::new, |[ours, _]| format!("asker:{ours}@"));
        let all = RedisSentinels {
            sentinels,
            nodes,
            primary: AtomicUsize::new(0),
            login: format!("{scheme}://{login}"),
        };
        all.await_replicas();
        all.await_acquaintance();
        all
    }
}
