//! Where entries and slots live: what the engine asks of a store, and the stores that come with the crate.
//!
//! Most programs use [`MemoryStore`] or a Redis server and need nothing of this module. A store of your own
//! implements [`Store`]; with the feature `testing`, `cachefence::testing::store_contract` checks it.

mod acquire;
mod arc;
mod entry;
mod future;
mod interface;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod time;
mod timed;
mod token;
mod traits;
mod watch;

pub use self::acquire::{Acquire, Acquired, Held, Holder, Take};
pub use self::entry::{Kind, NewValue, Outcome, Revision, Snapshot};
pub use self::future::{StoreFuture, StoreResult};
pub use self::interface::Store;
pub use self::memory::MemoryStore;
pub use self::time::Timestamp;
pub(crate) use self::timed::timed;
pub use self::token::Token;
pub use self::traits::{Health, Status, Traits};
pub use self::watch::{Wake, Watch};
pub use crate::error::StoreError;
pub use crate::key::Key;
