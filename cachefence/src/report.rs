//! Events that no caller is told of by a result: they go through `tracing`, if that feature is enabled.

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

/// The store failed, and the caller is served without it. The event is a warning once in a while, and else at
/// level debug.
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

/// The circuit breaker has opened: calls do not contact the store until it answers a probe.
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

/// The circuit breaker has closed, because the store answered a probe.
#[cfg(feature = "redis")]
pub(crate) fn store_is_back(server: &str) {
    #[cfg(feature = "tracing")]
    tracing::info!(server, "the store answers again");
    #[cfg(not(feature = "tracing"))]
    let _ = server;
}

/// A reply held another key's entry, which was not served. `count` is how many there have been of this store.
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

/// A value is served and not cached: it is larger than `max_value_bytes`, or its ttl is out of bounds.
pub(crate) fn not_kept(key: &Key, bytes: usize, why: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(template = key.template(), bytes, why, "the value is served and not cached");
    #[cfg(not(feature = "tracing"))]
    let _ = (key, bytes, why);
}

/// A value is served and not cached, because the codec cannot encode it.
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
