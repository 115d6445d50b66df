//! The options with which a server is started.

use crate::acl::{PASSWORD, RULES, RULES_WITHOUT_SCRIPTS, USER};
use crate::{FakeClock, Identity, RedisServer, must_not_be_logged};

/// Has a server refuse scripts, as some hosts do: `RedisServer::builder().args(NO_SCRIPTS)`.
pub const NO_SCRIPTS: [&str; 6] =
    ["--rename-command", "EVALSHA", "", "--rename-command", "EVAL", ""];

/// The files of a server that speaks TLS: it shows `identity`, and trusts what `authorities` have signed.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    pub(crate) identity: Identity,
    pub(crate) authorities: String,
}

/// The options of a server that is about to start; see [`RedisServer::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `start`"]
pub struct RedisServerBuilder {
    pub(crate) args: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) faketime: bool,
    /// Whether it is a node of a cluster, which takes a second port.
    pub(crate) cluster: bool,
    /// The certificate that the server shows, if it speaks TLS on a second port.
    pub(crate) tls: Option<Certificates>,
    /// The configuration of a sentinel, if it is to be one.
    pub(crate) sentinel: Option<String>,
    rules: Option<String>,
    more_rules: Option<String>,
}

impl RedisServerBuilder {
    /// Adds one argument to the command line of `redis-server`.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments: `.args(["--rename-command", "EVALSHA", ""])`.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the password of the default user, as whom the harness itself logs in.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        let password = password.into();
        must_not_be_logged(&password);
        self.password = Some(password);
        self
    }

    /// Gives the user of [`RedisServer::url`] these rules in place of [`RULES`] and the right to all keys.
    pub fn rules(mut self, rules: impl Into<String>) -> Self {
        self.rules = Some(rules.into());
        self
    }

    /// Gives the user of [`RedisServer::url`] these rules besides those that it has otherwise.
    pub fn more_rules(mut self, rules: impl Into<String>) -> Self {
        self.more_rules = Some(rules.into());
        self
    }

    /// Has it be a node of a cluster, in which it is alone and has no slots: [`RedisCluster`](crate::RedisCluster) is a
    /// whole one.
    pub fn cluster_node(mut self) -> Self {
        self.cluster = true;
        self.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"])
    }

    /// Has it speak TLS on a second port, [`RedisServer::tls_port`], and to other nodes and sentinels.
    pub(crate) fn tls(mut self, certificates: Certificates) -> Self {
        self.tls = Some(certificates);
        self.args(["--tls-replication", "yes", "--tls-auth-clients", "no"])
    }

    /// Has it be a sentinel with this configuration, which it rewrites.
    pub(crate) fn sentinel(mut self, config: String) -> Self {
        self.sentinel = Some(config);
        self
    }

    /// The command line that makes the user of [`RedisServer::url`], whom a sentinel does not have.
    pub(crate) fn user(&self) -> Vec<String> {
        if self.sentinel.is_some() {
            return Vec::new();
        }
        let refuses_scripts =
            self.args.windows(NO_SCRIPTS.len() / 2).any(|args| args == &NO_SCRIPTS[..3]);
        let rules = if refuses_scripts { RULES_WITHOUT_SCRIPTS } else { RULES };
        let rules = self.rules.clone().unwrap_or_else(|| format!("~* {rules}"));
        let login = ["--user", USER, "on", &format!(">{}", *PASSWORD)].map(str::to_owned);
        let more = self.more_rules.iter().flat_map(|rules| rules.split(' '));
        login.into_iter().chain(rules.split(' ').chain(more).map(str::to_owned)).collect()
    }

    /// Has the server go by a wall clock that [`RedisServer::set_clock`] sets. `None` where libfaketime is missing, or
    /// where a server cannot run with it because of its allocator; a line then says that the test is left out.
    pub fn faketime(mut self) -> Option<Self> {
        self.faketime = FakeClock::is_available();
        if self.faketime
            && let Err(reason) = RedisServer::start_with(self.clone())
        {
            println!("NOT RUN: the server does not start with libfaketime: {reason}");
            return None;
        }
        self.faketime.then_some(self)
    }

    /// Starts the server and returns when it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not: `redis-server` is missing, refuses an argument, or is not ready in 10 seconds.
    pub fn start(self) -> RedisServer {
        RedisServer::start_with(self).unwrap_or_else(|reason| panic!("{reason}"))
    }
}
