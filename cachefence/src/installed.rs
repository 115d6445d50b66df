//! The cache of annotated functions that name none.

use std::sync::OnceLock;

use crate::cache::CacheFence;
use crate::error::Error;
use crate::report;

static INSTALLED: OnceLock<CacheFence> = OnceLock::new();

impl CacheFence {
    /// Makes this the default: the cache of annotated functions that name none.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInstalled`] if there is a default already, which includes the stand-in that
    /// an annotated function runs with if it is called before.
    pub fn install(&self) -> Result<(), Error> {
        INSTALLED.set(self.clone()).map_err(|_| Error::AlreadyInstalled)
    }
}

/// The default; if there is none, an in-memory one from here on, with one warning.
pub(crate) fn installed() -> &'static CacheFence {
    INSTALLED.get_or_init(|| {
        report::not_installed();
        CacheFence::in_memory()
    })
}
