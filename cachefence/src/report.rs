//! What the library has to say that no caller is told: through `tracing`, where that is enabled.

#[cfg(any(test, feature = "tracing"))]
mod flood;

use std::error::Error;

use crate::error::StoreError;
use crate::key::Key;

macro_rules! warning {
    ($key:expr, $error:expr, $message:literal) => {{
        #[cfg(feature = "tracing")]
        tracing::warn!(
            template = $key.template(),
            error = $error as &(dyn Error + 'static),
            $message
        );
        #[cfg(not(feature = "tracing"))]
        let _ = ($key, $error);
    }};
}

/// The store failed, and the caller is served without it. Said once in a while, and each time to who
/// listens closely.
pub(crate) fn store_failed(operation: &'static str, key: &Key, error: &StoreError) {
    if error.is_unsaid() {
        return;
    }
    #[cfg(feature = "tracing")]
    {
        static FLOOD: flood::Flood = flood::Flood::new();
        let template = key.template();
        let cause = error as &(dyn Error + 'static);
        let message = "the store failed; serving without it";
        if let Some(left_out) = FLOOD.admits(operation, &error.to_string()) {
            tracing::warn!(template, error = cause, operation, left_out, "{message}");
        } else {
            tracing::debug!(template, error = cause, operation, "{message}");
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (operation, key);
}

/// The store is not asked any more for a while.
#[cfg(feature = "redis")]
pub(crate) fn store_left_alone(error: &StoreError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        error = error as &(dyn Error + 'static),
        "the store failed several times in a row and is left alone; calls are served without it \
         until it answers a probe"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// The store answers again.
#[cfg(feature = "redis")]
pub(crate) fn store_is_back(server: &str) {
    #[cfg(feature = "tracing")]
    tracing::info!(server, "the store answers again");
    #[cfg(not(feature = "tracing"))]
    let _ = server;
}

/// A reply held another key's entry, which was not served: the store's `count`th.
#[cfg(feature = "redis")]
pub(crate) fn stray_reply(key: &Key, count: u64) {
    #[cfg(feature = "tracing")]
    tracing::error!(
        template = key.template(),
        count,
        "a reply held the entry of another key: it was not served, and the connection is replaced; \
         something between this process and the store mixes up replies"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (key, count);
}

/// A value is served and not cached: it is larger than `max_value_bytes`, or its ttl is none.
pub(crate) fn not_kept(key: &Key, bytes: usize, why: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(template = key.template(), bytes, why, "the value is served and not cached");
    #[cfg(not(feature = "tracing"))]
    let _ = (key, bytes, why);
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
