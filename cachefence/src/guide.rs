//! The guide: seven pages to read, and four to look things up in.
//!
//! Read:
//!
//! 1. [Keys](keys): what may stand in a key, and what keeps two keys apart.
//! 2. [Values and serde](values): which values a cache gives back as they were.
//! 3. [Invalidation and writes](invalidation): how a write and the cache agree.
//! 4. [Errors and deadlines](errors): what a caller is given, and how long it waits.
//! 5. [Operating and scale](operating): what to watch, and what to do at 3 a.m.
//! 6. [Testing your service](testing): without a Redis, and with one.
//! 7. [Migrating](migrating): from the Python package, `cached` or `moka`.
//!
//! Look up:
//!
//! - [Guarantees](guarantees): each promise, with the tests that show it.
//! - [Faults](faults): each fault of Redis, with what it costs a call.
//! - [Redis as it is run](redis): addresses, TLS, users, rights, versions.
//! - [Performance](performance): every figure, beside the peers.
//!
//! The pages are the files in the folder `docs` of this package, so that each of their examples is compiled and run.

/// A page of the guide. Its links are written twice: a page ends with those that lead from file to file, and
/// `docs/links.md` has those that lead from module to module. Markdown takes the first definition, which is the latter here.
macro_rules! page {
    ($(#[$attribute:meta])* $name:ident, $file:literal) => {
        $(#[$attribute])*
        #[doc = include_str!("../docs/links.md")]
        #[doc = include_str!($file)]
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
