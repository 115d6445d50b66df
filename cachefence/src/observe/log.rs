//! How events read in a log, through `tracing`.
//!
//! A trouble is a warning, and what follows from it at once is not said again: the same trouble is one
//! line in ten seconds, with how often it has occurred since the last one. The lines that are left out go
//! to level debug, and so does what is no trouble.

use std::error::Error as _;

use super::flood::Flood;
use super::{BypassReason, Event, LeaseLoss, LoadOutcome, Trouble};

/// Writes a line, as a warning if the flood admits that.
macro_rules! warn_once {
    ($flood:expr, $trouble:expr, $subject:expr, $($field:tt)*) => {
        match $flood.admits($trouble, $subject) {
            Some(count) => tracing::warn!(target: "cachefence", count, $($field)*),
            None => tracing::debug!(target: "cachefence", $($field)*),
        }
    };
}

/// Writes an `event` of the cache with this name.
pub(super) fn write(cache: &str, flood: &Flood, event: &Event<'_>) {
    match *event {
        Event::Request { .. } | Event::Operation { .. } => {}
        Event::LoadBegan { template, bypass } => {
            let reason = bypass.map(BypassReason::as_str);
            tracing::debug!(target: "cachefence", cache, template, reason, "{event}");
        }
        Event::Load { template, outcome: LoadOutcome::Panicked, bypass, .. } => {
            let (outcome, reason) =
                (LoadOutcome::Panicked.as_str(), bypass.map(BypassReason::as_str));
            warn_once!(flood, "panic", template, cache, template, outcome, reason, "{event}");
        }
        Event::Load { template, outcome, bypass, .. } => {
            let (outcome, reason) = (outcome.as_str(), bypass.map(BypassReason::as_str));
            tracing::debug!(target: "cachefence", cache, template, outcome, reason, "{event}");
        }
        Event::StoreFailed { template, operation, error } => {
            let (operation, source) = (operation.as_str(), error.source());
            let message = &error.to_string();
            warn_once!(flood, "store", message, cache, template, operation, source, "{event}");
        }
        // The failure that opens the breaker is the same trouble as those before it, if it has their message.
        Event::StoreDown { error } | Event::StoreStillDown { error } => {
            let (message, source) = (&error.to_string(), error.source());
            warn_once!(flood, "store", message, cache, source, "{event}");
        }
        Event::StoreUp { server, bypassed, .. } => {
            tracing::info!(target: "cachefence", cache, server, bypassed, "{event}");
        }
        Event::StoreRestored { .. } | Event::PrimaryChanged { .. } => {
            tracing::info!(target: "cachefence", cache, "{event}");
        }
        Event::LeaseLost { template, loss: LeaseLoss::Voided, .. } => {
            tracing::debug!(target: "cachefence", cache, template, "{event}");
        }
        Event::StoreSlow { .. } => warn_once!(flood, "slow", "", cache, "{event}"),
        Event::StoreDegraded { problem } => {
            warn_once!(flood, "degraded", problem, cache, "{event}");
        }
        Event::StrayReply { template }
        | Event::LeaseLost { template, .. }
        | Event::UndecodableEntry { template, .. }
        | Event::UnstorableValue { template, .. }
        | Event::SwallowedError { template, .. }
        | Event::LoadDropped { template }
        | Event::InvalidationPending { template }
        | Event::SkippedRefresh { template }
        | Event::UnusableCall { template, .. } => {
            let trouble = event.trouble().map_or("", Trouble::as_str);
            warn_once!(flood, trouble, template, cache, template, trouble, "{event}");
        }
    }
}
