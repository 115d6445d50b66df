//! What the library has to say that no caller is told: through `tracing`, where that is enabled.

use std::error::Error;

use crate::error::StoreError;
use crate::key::Key;

macro_rules! warning {
    ($key:expr, $error:expr, $message:literal $(, $field:ident = $value:expr)*) => {{
        #[cfg(feature = "tracing")]
        tracing::warn!(
            template = $key.template(),
            error = $error as &(dyn Error + 'static),
            $($field = $value,)*
            $message
        );
        #[cfg(not(feature = "tracing"))]
        let _ = ($key, $error, $($value,)*);
    }};
}

/// The store failed, and the caller is served without it.
pub(crate) fn store_failed(operation: &'static str, key: &Key, error: &StoreError) {
    warning!(key, error, "the store failed; serving without it", operation = operation);
}

/// A value was served, but cannot be cached.
pub(crate) fn not_encoded(key: &Key, error: &(dyn Error + Send + Sync + 'static)) {
    warning!(key, error, "the codec cannot encode the value; it is served and not cached");
}

/// An annotated function runs without its cache: its key or an option cannot be used.
pub(crate) fn not_cached(template: &'static str, error: &(dyn Error + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::warn!(template, error, "the call is not cached");
    #[cfg(not(feature = "tracing"))]
    let _ = (template, error);
}

/// An annotated function ran before any cache was installed.
pub(crate) fn not_installed() {
    const MESSAGE: &str = "no default cache is installed, so annotated functions cache in this \
                           process only; call `CacheFence::install` at startup, or name a cache \
                           with `cache = ..`";
    #[cfg(feature = "tracing")]
    tracing::warn!("{MESSAGE}");
    #[cfg(not(feature = "tracing"))]
    eprintln!("cachefence: {MESSAGE}");
}
