//! A primary that sentinels name: real sentinels, and failovers that they make.

mod access;
mod late;
mod switches;

use cachefence::{Builder, CacheFence, Credentials, Redis};
use cachefence_tests::{DEADLINE, RedisSentinels, login};

/// The primary of `sentinels`, with the login of a cache.
fn primary(sentinels: &RedisSentinels) -> Redis {
    by(sentinels.name(), sentinels.sentinel_urls())
}

/// The primary of this name, with the login of a cache.
fn by(name: &str, urls: impl IntoIterator<Item = String>) -> Redis {
    let (user, password) = login();
    Redis::sentinel(name, urls)
        .credentials(move || async move { Ok(Credentials::new(user, password)) })
}

/// A cache that gives an operation a minute.
fn patient(redis: Redis) -> Builder {
    CacheFence::builder().redis(redis).op_timeout(DEADLINE).beta(0.0)
}
