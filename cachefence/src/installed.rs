//! The default cache, which annotated functions that name none use: that of the scope that they are called in, or
//! the one that is installed.
//!
//! The latter is set once, by [`CacheFence::install`]. If a function needs it before that, a cache in memory
//! becomes the default, with one warning, so that a forgotten `install` fails no call.

use std::borrow::Borrow;
use std::sync::OnceLock;

use crate::cache::CacheFence;
use crate::error::Error;
use crate::observe::not_installed;

static INSTALLED: OnceLock<CacheFence> = OnceLock::new();

impl CacheFence {
    /// Makes this the default: the cache of annotated functions that name none.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInstalled`] if there is a default already. That may be the cache in memory
    /// which takes this place when an annotated function is called before `install`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), cachefence::Error> {
    /// use cachefence::{CacheFence, cachefence};
    ///
    /// #[cachefence(key = "answer", ttl = 60)]
    /// async fn answer() -> u32 {
    ///     42
    /// }
    ///
    /// let cache = CacheFence::in_memory();
    /// cache.install()?; // once, when the program starts
    /// answer().await;
    /// assert_eq!(cache.stats().requests.loaded, 1);
    /// # Ok(()) }
    /// ```
    pub fn install(&self) -> Result<(), Error> {
        INSTALLED.set(self.clone()).map_err(|_| Error::AlreadyInstalled)
    }
}

/// The default cache, where a call names none. It is not looked up before it is needed, so that a call inside a
/// scope does not miss one that is installed.
#[derive(Debug, Clone, Copy)]
pub struct DefaultCache;

impl Borrow<CacheFence> for DefaultCache {
    /// The cache that is installed. If there is none, one in memory is installed, with one warning.
    #[inline]
    fn borrow(&self) -> &CacheFence {
        INSTALLED.get().unwrap_or_else(stand_in)
    }
}

#[cold]
fn stand_in<'a>() -> &'a CacheFence {
    INSTALLED.get_or_init(|| {
        not_installed();
        CacheFence::in_memory()
    })
}
