//! The user that caches log in as: it may do what `cachefence/docs/redis.md` says that a cache needs, and nothing else.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use crate::must_not_be_logged;

/// The rules that a cache needs besides the pattern of its keys. `cachefence/docs/redis.md` states them.
pub const RULES: &str = "+get +mget +set +del +pttl +getrange +setrange +time +ping +evalsha +script|load \
                         +client|tracking +client|caching +info";

/// As [`RULES`], where scripts are not to be run.
pub const RULES_WITHOUT_SCRIPTS: &str = "+get +mget +set +del +pttl +getrange +setrange +time +ping +multi +exec \
                                         +watch +discard +info";

/// The rules that a cache needs on the nodes of a cluster, besides [`RULES`].
pub const CLUSTER_RULES: &str = "+cluster|slots +cluster|info +asking";

/// The rules that a cache needs on a primary that sentinels watch, besides [`RULES`].
pub const WATCHED_RULES: &str = "+role";

/// The rules that a cache needs at a sentinel: it asks for the primary, and is told of another one.
pub const SENTINEL_RULES: &str = "&+switch-master +sentinel|get-master-addr-by-name +subscribe";

/// The name of the user.
pub const USER: &str = "cachefence";

/// The user's password, on all servers of this process.
pub(crate) static PASSWORD: LazyLock<String> = LazyLock::new(random_password);

/// A password that must not be logged.
pub(crate) fn random_password() -> String {
    let random = || RandomState::new().hash_one(());
    let password = format!("{:016x}{:016x}", random(), random());
    must_not_be_logged(&password);
    password
}

/// The name and the password of the user, which [`RedisServer::url`](crate::RedisServer::url) holds.
pub fn login() -> (&'static str, &'static str) {
    (USER, &PASSWORD)
}

/// The URL of a server, or of a proxy before one, at which the user logs in.
pub(crate) fn url(address: &str) -> String {
    format!("redis://{USER}:{}@{address}", *PASSWORD)
}
