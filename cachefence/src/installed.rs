//! The cache of annotated functions that name none.

use std::sync::OnceLock;

use crate::cache::CacheFence;
use crate::error::Error;
use crate::report;

static INSTALLED: OnceLock<CacheFence> = OnceLock::new();

/// Makes `cache` the default, once.
pub(crate) fn install(cache: CacheFence) -> Result<(), Error> {
    INSTALLED.set(cache).map_err(|_| Error::AlreadyInstalled)
}

/// The default; if there is none, an in-memory one from here on, with one warning.
pub(crate) fn installed() -> &'static CacheFence {
    INSTALLED.get_or_init(|| {
        report::not_installed();
        CacheFence::in_memory()
    })
}
