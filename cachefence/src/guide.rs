//! The guide: seven pages to read, and four to look things up in.
//!
//! [The front page](crate) gets a function cached. The guide is for what comes then: which arguments belong in the key, what a write
//! has to do, what callers see when something fails. Each page begins with the answer that most readers came for. If you read
//! only one, read [invalidation and writes](invalidation), because a cache that serves old data is worse than none.
//!
//! | page | the question that it answers |
//! |---|---|
//! | [Keys](keys) | Which entry does a call use, and can two calls share one by mistake? |
//! | [Values and serde](values) | Is a hit what the miss was? How long does it live, and as which bytes? |
//! | [Invalidation and writes](invalidation) | A row has changed: what do I call, when, and what do I answer? |
//! | [Errors and deadlines](errors) | What is a caller given when a body fails, hangs or is late? |
//! | [Operating and scale](operating) | What do I set up, what do I watch, and what do I do at 3 a.m.? |
//! | [Testing your service](testing) | How do I test a cached function, without a Redis and with one? |
//! | [Migrating](migrating) | I use `cached`, `moka` or the Python package: what is it called here, and should I stay? |
//!
//! To look up:
//!
//! | page | what it has |
//! |---|---|
//! | [Guarantees](guarantees) | each promise, with the tests that show it |
//! | [Faults](faults) | each fault of Redis, with what it costs a call |
//! | [Redis as it is run](redis) | addresses, TLS, users and their rights, eviction, versions |
//! | [Performance](performance) | every figure, beside other caches |
//!
//! # Where to find
//!
//! - Compression and encryption: a [codec](values#codecs) around a codec.
//! - Configuration by the environment, and an OpenTelemetry set-up that you have already: [operating](operating#in-ten-minutes).
//! - Feature flags: one that changes a result belongs [in the key](keys#flags-locale-permissions); one that switches the cache off
//!   is in [operating](operating#switching-it-off).
//! - Key versions over a rolling deploy: [versions](keys#versions-and-two-releases-side-by-side).
//! - Synchronous functions: [an `async fn` around them](values#synchronous-functions).
//!
//! # Said no to
//!
//! - **WebAssembly.** Outside of WASI tokio has neither sockets nor timers there, so neither Redis nor a lease would work.
//! - **Runtimes other than tokio.** Leases are renewed and released by tasks and timers, also when their caller has gone. Each further runtime
//!   would need all the tests of dropped callers and of runtimes that end once more.
//! - **HTTP caching.** `Cache-Control`, `Vary` and `ETag` are a contract with clients and proxies; a cache of responses in the service
//!   answers another question. Cache the function that makes the response, and leave the headers to a layer or a CDN.
//! - **Sliding expiration**, a ttl that each hit extends. A hot key would never expire, so what one missed invalidation left behind would be
//!   served for ever, and each hit would be a write. A session, which wants this, is no cache: keep it in Redis, and read it with `GETEX`.
//!
//! Not yet, which is another thing: Redis Cluster and Sentinel; tags and invalidation by prefix, for which there is
//! [a revision in the key](invalidation#all-pages-of-a-list-a-revision-in-the-key).
//!
//! The pages are the files in the folder `docs` of this package, so that each of their examples is compiled and run.

/// A page of the guide. Its links are written twice: a page ends with those that lead from file to file, and
/// `docs/links.md` has those that lead from module to module. Markdown takes the first definition, which is the latter here.
macro_rules! page {
    ($(#[$attribute:meta])* $name:ident, $file:literal) => {
        $(#[$attribute])*
        #[doc = include_str!("../docs/links.md")]
        #[doc = include_str!("../docs/images/links.md")]
        #[doc = include_str!($file)]
        #[cfg_attr(docsrs, doc(auto_cfg = false))] // a page is there whatever the features
        pub mod $name {}
    };
}

page!(keys, "../docs/keys.md");
page!(
    #[cfg(any(not(doctest), feature = "messagepack"))]
    values,
    "../docs/values.md"
);
page!(invalidation, "../docs/invalidation.md");
page!(errors, "../docs/errors.md");
page!(operating, "../docs/operating.md");
page!(testing, "../docs/testing.md");
page!(migrating, "../docs/migrating.md");

page!(guarantees, "../docs/guarantees.md");
page!(faults, "../docs/faults.md");
page!(
    #[cfg(any(not(doctest), feature = "tls"))]
    redis,
    "../docs/redis.md"
);
page!(performance, "../docs/performance.md");
