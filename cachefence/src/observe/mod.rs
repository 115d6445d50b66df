//! What a cache does, for those who operate it: counts, events, and how the events read in a log.
//!
//! A store that is down, an entry that does not decode, an error that a stale value stood in for: none of
//! these fails a call, so no result tells of them. They are told here. Each is an [`Event`], and is
//! counted in [`Stats`]; with the feature `tracing`, events are logged; with the feature `metrics`, they
//! are metrics; and an [`Observe`] of your own is given all of them.
//!
//! ```
//! use cachefence::{CacheFence, Event};
//!
//! let cache = CacheFence::builder()
//!     .in_memory()
//!     .name("users")
//!     .observe(|event: &Event<'_>| {
//!         if let Event::SwallowedError { template, error, .. } = event {
//!             eprintln!("{template}: {error}");
//!         }
//!     })
//!     .build_lazy()?;
//! # let _ = cache;
//! # Ok::<(), cachefence::Error>(())
//! ```

// The engine tells the `Observers` of its cache what happened, by one method for each kind of event. These
// count it and, where somebody wants to know, make the event and pass it on. So a hit adds to two counters,
// and builds nothing.

mod counters;
mod event;
#[cfg(feature = "tracing")]
mod flood;
mod load;
#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod observers;
mod spans;
mod stats;
mod wording;

pub use self::event::{Event, LeaseLoss};
pub(crate) use self::load::{Load, Uncached};
pub(crate) use self::observers::PANICKED;
pub(crate) use self::observers::{Observers, not_installed};
pub(crate) use self::spans::{CallerSpan, Entered, LoadSpan, WaitSpan};
pub use self::stats::{
    BypassReason, Bypasses, LoadOutcome, Loads, Operation, Operations, RequestResult, Requests,
    Stats, Trouble, Troubles,
};

/// Somebody who is told what happens in a cache; see [`Builder::observe`](crate::Builder::observe). Any
/// `Fn(&Event<'_>)` is one.
///
/// Events come from the task or thread that meets them, in the middle of a call. So an observer should
/// return soon, and must not wait. One that panics harms no call: the panic ends there, and the panic hook
/// tells of it.
///
/// # Examples
///
/// ```
/// use cachefence::{CacheFence, Event, Observe};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[derive(Clone, Default)]
/// struct Troubles(Arc<AtomicU64>);
///
/// impl Observe for Troubles {
///     fn on_event(&self, event: &Event<'_>) {
///         if event.trouble().is_some() {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let troubles = Troubles::default();
/// let cache = CacheFence::builder().in_memory().observe(troubles.clone()).build_lazy()?;
/// assert_eq!(troubles.0.load(Ordering::Relaxed), 0);
/// # Ok::<(), cachefence::Error>(())
/// ```
pub trait Observe: Send + Sync + 'static {
    /// Takes in one event.
    fn on_event(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observe for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}
