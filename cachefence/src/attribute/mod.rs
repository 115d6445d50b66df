//! The items that an expansion of `#[cachefence]` or `#[derive(KeyPart)]` uses. They are no public API: they may change in
//! any version, which is why the two crates are pinned to each other.

mod call;
pub mod held;
pub mod kind;
pub mod own;

pub use std::marker::PhantomData;
pub use std::option::Option;
pub use std::time::Duration;

pub use self::call::Call;
use crate::cache::CacheFence;
pub use crate::installed::DefaultCache;
pub use crate::key::{KeyWriter, write_fields};

/// The path says what to do where rustc refuses a companion, and shows it.
pub mod where_no_companion_can_stand {
    pub use cachefence_macros::write_entry_equals_false;
}

/// The cache that `cache = ..` names: a `CacheFence`, or anything that derefs to one.
pub fn cache(cache: &CacheFence) -> CacheFence {
    cache.clone()
}
