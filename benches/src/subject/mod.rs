//! What is measured: cachefence and its peers, all behind one trait.

mod cached_attribute;
mod cached_memory;
mod floor;
mod hitbox_function;
mod kind;
mod moka_cache;
mod ours;
mod ours_attribute;
mod ours_background;
mod quick;

pub use cached_attribute::CachedAttribute;
pub use cached_memory::CachedMemory;
pub use floor::Floor;
pub use hitbox_function::HitboxFunction;
pub use kind::Kind;
pub use moka_cache::Moka;
pub use ours::Ours;
pub use ours_attribute::OursAttribute;
pub use ours_background::OursBackground;
pub use quick::Quick;

use std::future::Future;
use std::sync::Arc;

use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// One way to cache what a loader makes.
pub trait Subject: Send + Sync + 'static {
    /// The value of `key`, which is loaded if none is cached.
    fn get(
        &self,
        key: &str,
        lives: Lives,
        loader: &Arc<Loader>,
    ) -> impl Future<Output = Result<Profile, Failed>> + Send;
}
