//! What the integration tests share: a real Redis of their own, and the questions they ask it.
//!
//! ```no_run
//! use cachefence_tests::{RedisServer, assert_no_locks, namespace};
//!
//! let server = RedisServer::start();
//! let namespace = namespace();
//! // .. run the cache against `server.url()` ..
//! assert_eq!(server.command_count("get"), 1);
//! assert_no_locks(&server);
//! ```
//!
//! `tests/README.md` says which helper does what. Every test starts its own server: it takes about 10 ms, and no test sees the keys, the command counts or the
//! faults of another. Everything here blocks, on loopback and for well under a millisecond unless a cluster or
//! sentinels have to agree, and panics with a sentence when it cannot do its job: a harness has no error to hand on.

mod acl;
mod builder;
mod caches;
mod cluster;
mod crowd;
mod faketime;
mod features;
pub mod fleet;
mod guard;
mod keys;
mod launch;
mod loads;
mod log;
mod long;
mod port;
mod proxy;
mod scripted;
mod sentinel;
mod server;
mod staged;
mod stats;
mod stop;
mod tls;
mod twins;
mod wait;

pub use acl::{
    CLUSTER_RULES, RULES, RULES_WITHOUT_SCRIPTS, SENTINEL_RULES, USER, WATCHED_RULES, login,
};
pub use builder::{NO_SCRIPTS, RedisServerBuilder};
pub use caches::{Pair, cache_on};
pub use cluster::{RedisCluster, RedisClusterBuilder, key_in, slot_of};
pub use crowd::Crowd;
pub use faketime::FakeClock;
pub use features::features;
pub use guard::GuardedChild;
pub use keys::{assert_no_locks, namespace};
pub use loads::{Loads, Running};
pub use log::{Line, Log, must_not_be_logged};
pub use long::{chosen_seed, is_long};
pub use proxy::{Fault, Proxy};
pub use scripted::{Answer, Command, ScriptedNode};
pub use sentinel::{RedisSentinels, RedisSentinelsBuilder};
pub use server::RedisServer;
pub use staged::{Network, Op, Phase, Staged};
pub use stop::Stop;
pub use tls::{Authority, Identity, TlsServer};
pub use twins::{Bodies, assert_twins, ran};
pub use wait::{DEADLINE, settle, until};
