//! cachefence's engine, with refreshes in tasks of their own.

use std::sync::Arc;

use cachefence::{CacheFence, Error};

use super::{Subject, ours};
use crate::loader::{Failed, Loader};
use crate::protocol::Lives;
use crate::value::Profile;

/// `Entry::get_or_set_detached`.
pub struct OursBackground(CacheFence);

impl OursBackground {
    /// A cache on Redis.
    pub async fn connect(url: &str) -> Self {
        Self(ours::connect(url).await)
    }
}

impl Subject for OursBackground {
    async fn get(&self, key: &str, lives: Lives, loader: &Arc<Loader>) -> Result<Profile, Failed> {
        let (owned, loader) = (key.to_owned(), Arc::clone(loader));
        let load = move || async move { loader.load(&owned).await };
        match self.0.entry(key).ttl(lives.ttl()).get_or_set_detached(load).await {
            Ok(profile) => Ok(profile),
            Err(Error::Recompute(error)) => Err((*error).clone()),
            Err(error) => Err(Failed(error.to_string())),
        }
    }
}
