//! The names that an expansion could be tempted to use, each as something else, around functions that do without them.

#![allow(dead_code, non_camel_case_types, unused_imports, unused_macros)]

pub(super) mod std {}
pub(super) mod core {}
pub(super) mod alloc {}
pub(super) mod tokio {}
pub(super) mod serde {}
pub(super) mod cachefence {}
pub(super) mod __private {}
pub(super) struct Option;
pub(super) struct Result;
pub(super) struct Duration;
pub(super) struct Entry;
pub(super) struct Call;
pub(super) struct Probe;
pub(super) struct KeyWriter;
pub(super) struct CacheFence;
pub(super) struct String;
pub(super) struct Box;
pub(super) struct Vec;
pub(super) struct Pin;
pub(super) struct PhantomData;
pub(super) struct Infallible;
pub(super) struct Send;
pub(super) struct Sync;
pub(super) struct Future;
pub(super) struct FnOnce;
pub(super) struct Fn;
pub(super) struct Drop;
pub(super) struct Clone;
pub(super) struct From;
pub(super) struct Into;
pub(super) struct Default;
pub(super) struct Display;
pub(super) struct Iterator;
pub(super) struct ToString;
pub(super) struct Serialize;
pub(super) struct DeserializeOwned;
pub(super) struct KeyPart;
pub(super) struct Plain;
pub(super) struct ByClone;
pub(super) struct NotShared;
pub(super) enum Variants {
    Ok,
    Err,
    Some,
    None,
}
pub(super) use Variants::{Err, None, Ok, Some};
pub(super) fn cache() {}
pub(super) fn call() {}
pub(super) fn entry() {}
pub(super) fn installed() {}
pub(super) fn key() {}
pub(super) fn kind() {}
pub(super) fn ret() {}
pub(super) fn run() {}
pub(super) fn ttl() {}
pub(super) fn drop() {}
pub(super) fn part() {}
pub(super) fn literal() {}
pub(super) fn into_entry() {}
pub(super) type bool = ();
pub(super) type u8 = ();
pub(super) type u32 = ();
pub(super) type f64 = ();
pub(super) type usize = ();
macro_rules! panic {
    () => {};
}
macro_rules! todo {
    () => {};
}
macro_rules! concat {
    () => {};
}
macro_rules! format {
    () => {};
}
macro_rules! vec {
    () => {};
}
macro_rules! matches {
    () => {};
}

#[::cachefence::cachefence(key = "shadowed:<id>", ttl = 60, beta = 0.5)]
pub(super) async fn plain(id: u64) -> u64 {
    id + 1
}

#[::cachefence::cachefence(
    key = "shadowed-result:<id>",
    ttl = "1m",
    lock_timeout = "2s",
    wait_for_lock = 0.5
)]
pub(super) async fn fallible(id: u64) -> ::std::result::Result<u64, ()> {
    ::std::result::Result::Ok(id + 1)
}

pub(super) struct Table {
    pub(super) cache: ::cachefence::CacheFence,
    pub(super) ttl: ::std::time::Duration,
}

impl Table {
    #[::cachefence::cachefence(
        key = "shadowed-method:<id>",
        ttl = self.ttl,
        beta = 1,
        cache = self.cache,
        skip(self)
    )]
    pub(super) async fn find(&self, id: u64) -> ::std::option::Option<u64> {
        ::std::option::Option::Some(id + 1)
    }
}

pub(super) trait Load {
    async fn load(&self, id: u64) -> u64;
}

impl Load for Table {
    #[::cachefence::cachefence(
        key = "shadowed-trait:<id>",
        ttl = 60,
        cache = &self.cache,
        skip(self),
        entry = false
    )]
    async fn load(&self, id: u64) -> u64 {
        id + 1
    }
}
