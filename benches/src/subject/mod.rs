//! What is measured: ours and the peers, all behind one trait.

mod cached_attribute;
mod floor;
mod hitbox_function;
mod moka_cache;
mod ours;
mod ours_attribute;
mod ours_background;
mod quick;

pub use cached_attribute::CachedAttribute;
pub use floor::Floor;
pub use hitbox_function::HitboxFunction;
pub use moka_cache::Moka;
pub use ours::Ours;
pub use ours_attribute::OursAttribute;
pub use ours_background::OursBackground;
pub use quick::Quick;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::value::{Failed, Loader, Profile};

/// One way to cache what a loader makes.
pub trait Subject: Send + Sync + 'static {
    /// The value of `key`, loaded if there is none.
    fn get(
        &self,
        key: &str,
        lives: Lives,
        loader: &Arc<Loader>,
    ) -> impl Future<Output = Result<Profile, Failed>> + Send;
}

/// How long a value is valid. Not a number, since an attribute has its own as a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lives {
    /// Longer than any scenario.
    AnHour,
    /// For the scenario in which it expires.
    ASecond,
}

impl Lives {
    /// The same as a number.
    pub fn ttl(self) -> Duration {
        match self {
            Self::AnHour => Duration::from_hours(1),
            Self::ASecond => Duration::from_secs(1),
        }
    }
}

/// Which subject a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The raw client: the floor of the rows on Redis.
    Floor,
    /// cachefence on Redis, by the engine.
    Ours,
    /// cachefence on Redis, by the attribute.
    OursAttribute,
    /// cachefence on Redis, with refreshes in tasks of their own.
    OursBackground,
    /// `cached`'s attribute on Redis.
    Cached,
    /// `hitbox` on Redis.
    Hitbox,
    /// The Python package, in a process of Python.
    Python,
    /// `quick_cache` and a decode: the floor of the rows in memory.
    Quick,
    /// cachefence in memory, by the engine.
    OursMemory,
    /// cachefence in memory, by the attribute.
    OursMemoryAttribute,
    /// `moka` in memory.
    Moka,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Floor,
        Self::Ours,
        Self::OursAttribute,
        Self::OursBackground,
        Self::Cached,
        Self::Hitbox,
        Self::Python,
        Self::Quick,
        Self::OursMemory,
        Self::OursMemoryAttribute,
        Self::Moka,
    ];

    /// The name on a worker's command line.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::OursAttribute => "ours-attribute",
            Self::OursBackground => "ours-background",
            Self::Cached => "cached",
            Self::Hitbox => "hitbox",
            Self::Python => "python",
            Self::Quick => "quick",
            Self::OursMemory => "ours-memory",
            Self::OursMemoryAttribute => "ours-memory-attribute",
            Self::Moka => "moka",
        }
    }

    /// The kind of this name.
    pub fn of_argument(argument: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.argument() == argument)
    }

    /// The name in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Floor => "redis-rs, GET + serde_json",
            Self::Ours => "cachefence, Redis",
            Self::OursAttribute => "cachefence, Redis, attribute",
            Self::OursBackground => "cachefence, Redis, refresh in the background",
            Self::Cached => "cached, Redis attribute",
            Self::Hitbox => "hitbox, Redis",
            Self::Python => "cachefence 0.1.0 (Python)",
            Self::Quick => "quick_cache + serde_json",
            Self::OursMemory => "cachefence, memory",
            Self::OursMemoryAttribute => "cachefence, memory, attribute",
            Self::Moka => "moka try_get_with",
        }
    }

    /// What a reader has to know to compare it with the others.
    pub fn note(self) -> &'static str {
        match self {
            Self::Floor => "naive cache-aside: nothing beside GET, load, SET",
            Self::Cached => "MessagePack (its only codec), no stampede protection on Redis",
            Self::Hitbox => "JsonFormat, BroadcastConcurrencyManager; one load per process",
            Self::Python => "asyncio, redis-py, json",
            Self::Quick => "bytes, decoded at every hit; no ttl",
            Self::Moka => "clones the value, decodes nothing",
            _ => "",
        }
    }

    /// Whether it is measured beside cachefence, and is neither that nor a floor.
    pub fn is_a_peer(self) -> bool {
        matches!(self, Self::Cached | Self::Hitbox | Self::Python | Self::Moka)
    }

    /// Whether its values are in Redis.
    pub fn on_redis(self) -> bool {
        !matches!(self, Self::Quick | Self::OursMemory | Self::OursMemoryAttribute | Self::Moka)
    }
}
