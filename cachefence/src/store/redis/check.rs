//! The check of a server, when a cache is built.
//!
//! The store does with a key of its own what it will do for calls: it reads, takes a lease, asks to be told of
//! changes, stores a value and removes it. A server that cannot be read is an error. What a server does not do
//! otherwise is a warning, because the cache works without it: hits are served, and bodies run.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::failure::{Answer, Failure, FailureKind};
use super::lane::LaneKind;
use super::on_drop::OnDrop;
use super::server::Server;
use super::servers::Servers;
use super::tracking::Connected;
use super::words::{names_keys, said_with_code};
use super::{RedisStore, scripts};
use crate::error::StoreError;
use crate::key::Key;
use crate::store::{Acquire, NewValue, Outcome, Token, Watch};
use crate::time::in_time;

/// How long each command may take, connecting included. Nobody is served meanwhile, so a server that is slow is not
/// taken for one that is gone.
const LIMIT: Duration = Duration::from_secs(5);

/// How long what the check writes is kept, if the server does not let the check remove it.
const LIFE: Duration = Duration::from_secs(5);

/// Why a command of the check has no result.
struct Refusal {
    failure: Failure,
    /// The server's code and words; empty if the server did not answer.
    words: String,
    is_forbidden: bool,
}

/// The shortest round trip so far.
#[derive(Default)]
struct Fastest(Option<Duration>);

/// The check of one server.
struct Check<'a> {
    store: &'a RedisStore,
    server: &'a Arc<Server>,
    /// A key on the server that no other check and no call has.
    key: Key,
}

impl RedisStore {
    /// Does what the cache will do, on every server. An error is that of a server that cannot be used.
    ///
    /// A node of a cluster that cannot be reached is a warning, as long as another can be read: its keys are loaded
    /// without the cache until it is back or a replica is promoted, and the other nodes serve theirs.
    pub(super) async fn check_servers(&self) -> Result<(), StoreError> {
        if let Servers::Cluster(cluster) = &self.servers {
            cluster.find_nodes(LIMIT).await?;
        }
        let mut unreachable = Vec::new();
        let servers = self.servers.all();
        for server in &servers {
            match self.check_server(server).await {
                Err(failure) if failure.is_unreachable() => unreachable.push((server, failure)),
                checked => checked?,
            }
        }
        let is_none_left = unreachable.len() == servers.len();
        for (server, failure) in unreachable {
            if is_none_left {
                return Err(failure.error);
            }
            server.note_unreachable(&failure.error);
        }
        Ok(())
    }

    async fn check_server(&self, server: &Arc<Server>) -> Result<(), Failure> {
        /// How many keys are tried whose slots are just being moved, which says nothing of the other slots.
        const MOST: usize = 3;
        for _ in 0..MOST {
            let Some(key) = self.check_key(server) else { break };
            match (Check { store: self, server, key }).run().await {
                Err(failure) if self.servers.next_hop(server, &failure).is_some() => {}
                checked => return checked,
            }
        }
        Ok(())
    }

    /// A key of the cache's namespace that `server` holds, and that no other check and no call has. `None` if no key of
    /// the namespace seems to be there.
    fn check_key(&self, server: &Arc<Server>) -> Option<Key> {
        /// Enough for a node that has one slot in 1,000.
        const MOST: usize = 16 * 1_024;
        let keys = std::iter::repeat_with(|| {
            Key::given(&self.prefix, &format!("cachefence:check:{:016x}", rand::random::<u64>())).0
        });
        keys.take(MOST).find(|key| Arc::ptr_eq(&self.servers.of(key), server))
    }
}

impl Check<'_> {
    async fn run(&self) -> Result<(), Failure> {
        let fastest = self.check_reads().await?;
        self.check_distance(&fastest);
        // A server whose answers come too late for a read is not asked to write.
        if fastest.0.is_none_or(|trip| trip < self.server.op_timeout) {
            self.check_writes().await;
        }
        self.check_eviction().await;
        Ok(())
    }

    /// Has the server tell its time, and reads.
    async fn check_reads(&self) -> Result<Fastest, Failure> {
        let server = self.server;
        let mut fastest = Fastest::default();
        let (link, sent) = (server.links.here()?, Instant::now());
        let time = self.send(LaneKind::Reads, &redis::cmd("TIME"), &mut fastest).await;
        server.learn(&link, sent, time.map_err(|refusal| self.unusable("time", refusal))?);
        let mut info = redis::cmd("INFO");
        let info: Result<String, _> =
            self.send(LaneKind::Reads, info.arg("cluster"), &mut fastest).await;
        // A server that does not tell is taken for a single one.
        let is_single = matches!(self.store.servers, Servers::One(_));
        if is_single && info.is_ok_and(|info| info.contains("cluster_enabled:1")) {
            let message = format!(
                "Redis at {} is a node of a cluster, which holds a part of the keys only: use `Redis::cluster`",
                server.address()
            );
            return Err(StoreError::new(message).into());
        }
        let found: Result<Value, _> =
            self.send(LaneKind::Reads, &Cmd::get(self.key.as_str()), &mut fastest).await;
        found.map_err(|refusal| self.unusable("get", refusal))?;
        Ok(fastest)
    }

    /// The error of a server that does not answer the command of this `name`, without which nothing is read.
    fn unusable(&self, name: &str, refusal: Refusal) -> Failure {
        let Refusal { failure, words, is_forbidden } = refusal;
        let address = self.server.address();
        if is_forbidden {
            let add = self.rules(name, &words);
            let message = format!(
                "Redis at {address} does not let this user read: {words}; add {add} to the rules of the user \
                 (ACL SETUSER)"
            );
            return StoreError::new(message).into();
        }
        let tells_nothing = matches!(
            failure.kind,
            FailureKind::NotReady | FailureKind::Unsupported | FailureKind::Failed
        );
        if tells_nothing && !words.is_empty() {
            return StoreError::new(format!("Redis at {address} cannot be read: {words}")).into();
        }
        failure
    }

    /// The rules of an ACL that a user lacks who was refused a command of this `name` with these `words`.
    fn rules(&self, name: &str, words: &str) -> String {
        if names_keys(words) { format!("`{}`", self.pattern()) } else { format!("`+{name}`") }
    }

    /// The pattern of an ACL that covers the names of this cache.
    fn pattern(&self) -> String {
        let mut pattern = "~".to_owned();
        for character in self.store.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "*"
    }

    /// Takes a lease, asks to be told of changes, stores a value and removes it.
    async fn check_writes(&self) {
        let (server, key) = (self.server, &self.key);
        // The first two commands make the connection and load the scripts, within the limit of the check. A refusal of
        // theirs comes again below, where it is told.
        let deleted: Result<Value, _> =
            self.send(LaneKind::Writes, &Cmd::del(key.as_str()), &mut Fastest::default()).await;
        if let Err(Refusal { failure, words, .. }) = deleted
            && words.is_empty()
        {
            server.without_writes(&format!("{}; its writes may be paused", failure.error));
            return;
        }
        self.check_scripts().await;
        server.checking.store(true, Ordering::Relaxed);
        let _checked = OnDrop(|| server.checking.store(false, Ordering::Relaxed));
        let written = async {
            let token = Token::from(Uuid::new_v4());
            self.store.try_acquire(key, &Acquire::new(token, LIFE)).await?;
            self.check_pushes().await;
            let value = NewValue::new(Bytes::from_static(b"cachefence"), LIFE);
            self.store.try_finish(key, &[token], &Outcome::Store(value)).await
        };
        let written = written.await;
        let removed = self.store.delete(std::slice::from_ref(key)).await;
        if let Err(error) = written.and(removed) {
            let reason = self.missing().await.unwrap_or_else(|| error.to_string());
            server.without_writes(&reason);
        }
    }

    async fn check_scripts(&self) {
        let server = self.server;
        let Ok(link) = server.links.here() else { return };
        let load = pin!(async {
            let mut connection = link.writes.connection().await?;
            Answer::Ok(scripts::load(&mut connection).await?)
        });
        if let Some(Err(unanswered)) = in_time(LIMIT, load).await
            && Failure::of(server.address(), unanswered).kind == FailureKind::NoScripting
        {
            server.without_scripts();
        }
    }

    /// Asks to be told of changes of a key whose lease is held. The connection for that is let go, because most
    /// processes never need it.
    async fn check_pushes(&self) {
        let server = self.server;
        let Ok(link) = server.links.here() else { return };
        if !server.may_push() {
            return;
        }
        match in_time(LIMIT, pin!(link.tracking.connection(&server.links.dialer))).await {
            Some(Connected::Here(tracked)) => {
                let token = Token::from(Uuid::new_v4());
                let request = Acquire::new(token, LIFE);
                let (store, watch) = (self.store, Watch::default());
                let _ = store.acquire_tracked(server, &self.key, &request, &watch).await;
                link.tracking.leave(tracked.number());
            }
            Some(Connected::Never) => server.without_pushes(),
            Some(Connected::NotNow) | None => {}
        }
    }

    /// The rules that a user lacks who may not store, as a sentence; `None` if the server forbids nothing.
    ///
    /// Inside a script and a transaction some servers do not say which command they forbid, or which of the keys. So
    /// each is sent by itself.
    async fn missing(&self) -> Option<String> {
        let key = &self.key;
        let (mut add, mut words) = (Vec::new(), None);
        let (entry, lease, hedge) = (key.as_str(), &key.lease_name(), &key.hedge_name());
        let life = LIFE.as_millis().to_string();
        let commands: [&[&str]; 10] = [
            &["MGET", entry, lease, hedge],
            &["SET", entry, "", "PX", &life],
            &["GETRANGE", entry, "0", "0"],
            &["SETRANGE", entry, "0", ""],
            &["PTTL", entry],
            &["SET", lease, "", "PX", &life],
            &["DEL", lease],
            &["SET", hedge, "", "PX", &life],
            &["DEL", hedge],
            &["DEL", entry],
        ];
        for command in commands {
            let (name, args) = command.split_first()?;
            let reply: Result<Value, _> = self
                .send(LaneKind::Writes, redis::cmd(name).arg(args), &mut Fastest::default())
                .await;
            let Err(refusal) = reply else { continue };
            if refusal.words.is_empty() {
                break; // no answer: this is no question of rules
            }
            if refusal.is_forbidden {
                let rules = self.rules(&name.to_ascii_lowercase(), &refusal.words);
                if !add.contains(&rules) {
                    add.push(rules);
                }
                words.get_or_insert(refusal.words);
            }
        }
        let mut reason = format!("Redis at {} does not let this user store", self.server.address());
        write!(
            reason,
            ": {}; add {} to the rules of the user (ACL SETUSER)",
            words?,
            add.join(" ")
        )
        .ok()?;
        Some(reason)
    }

    /// Tells of a server that, when its memory is used up, removes the leases first.
    async fn check_eviction(&self) {
        let mut info = redis::cmd("INFO");
        let info: Result<String, _> =
            self.send(LaneKind::Reads, info.arg("memory"), &mut Fastest::default()).await;
        // A server that does not tell may be set up well.
        let Ok(info) = info else { return };
        let has = |line| info.lines().any(|other| other == line);
        if has("maxmemory_policy:volatile-ttl") && !has("maxmemory:0") {
            self.server.degraded(
                "evicts first what ends soonest (maxmemory-policy volatile-ttl), and leases end before values; without \
                 its lease a value is not stored, and several processes load the key: set allkeys-lfu or allkeys-lru",
            );
        }
    }

    /// Tells of a server that is far away for the time that a call waits for it.
    fn check_distance(&self, fastest: &Fastest) {
        if let Some(trip) = fastest.0
            && trip > self.server.longest_trip()
        {
            self.server.note_far(trip);
        }
    }

    /// Sends a command, and notes how long its reply took.
    async fn send<T: FromRedisValue>(
        &self,
        lane: LaneKind,
        command: &Cmd,
        fastest: &mut Fastest,
    ) -> Result<T, Refusal> {
        let server = self.server;
        let unanswered = |failure| Refusal { failure, words: String::new(), is_forbidden: false };
        // The link is asked for each time, because another runtime may be polling this future by now.
        let link = server.links.here().map_err(|error| unanswered(error.into()))?;
        let reply = pin!(async {
            let mut connection = link.lane(lane).connection().await?;
            let sent = Instant::now();
            let reply = command.query_async(&mut *connection).await;
            let trip = sent.elapsed();
            let reply =
                reply.map_err(|error| (said_with_code(&error, connection.password()), error));
            Answer::Ok((reply, trip))
        });
        let reply = in_time(LIMIT, reply).await;
        match reply {
            Some(Ok((Ok(reply), trip))) => {
                fastest.0 = Some(fastest.0.map_or(trip, |fastest| fastest.min(trip)));
                Ok(reply)
            }
            Some(Ok((Err((words, error)), _))) => Err(Refusal {
                is_forbidden: error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm),
                words,
                failure: Failure::classify(server.address(), error),
            }),
            Some(Err(error)) => Err(unanswered(Failure::of(server.address(), error))),
            None => Err(unanswered(Failure::timeout(server.address(), LIMIT))),
        }
    }
}
