//! The default cache, which annotated functions that name none use.
//!
//! It is set once, by [`CacheFence::install`]. If a function needs it before that, a cache in memory
//! becomes the default, with one warning, so that a forgotten `install` fails no call.

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
    pub fn install(&self) -> Result<(), Error> {
        INSTALLED.set(self.clone()).map_err(|_| Error::AlreadyInstalled)
    }
}

/// The default cache. If there is none, a cache in memory is the default from here on, with one
/// warning.
pub(crate) fn installed() -> &'static CacheFence {
    INSTALLED.get_or_init(|| {
        not_installed();
        CacheFence::in_memory()
    })
}
