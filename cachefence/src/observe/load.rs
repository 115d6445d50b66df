//! One load, from the beginning of its body until its outcome is known.

use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::{BypassReason, LoadOutcome, LoadSpan, Observers};

/// A load under way. However it ends, it is told of once: a load that is dropped without an outcome was
/// aborted, or has panicked if that happened while its body was polled.
pub(crate) struct Load<'a> {
    observers: &'a Observers,
    template: &'static str,
    bypass: Option<BypassReason>,
    began: Instant,
    /// How long the body ran, once it has ended.
    took: Option<Duration>,
    polled: bool,
    outcome: LoadOutcome,
    span: LoadSpan,
}

impl<'a> Load<'a> {
    pub(super) fn new(
        observers: &'a Observers,
        template: &'static str,
        bypass: Option<BypassReason>,
    ) -> Self {
        let span = LoadSpan::begin(observers.name(), template, bypass);
        Self {
            observers,
            template,
            bypass,
            began: Instant::now(),
            took: None,
            polled: false,
            outcome: LoadOutcome::Aborted,
            span,
        }
    }

    /// Polls the body, inside the load's span.
    pub(crate) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.polled = true;
        let polled = self.span.within(poll);
        self.polled = false;
        if polled.is_ready() {
            self.took = Some(self.began.elapsed());
        }
        polled
    }

    pub(crate) fn span(&self) -> &LoadSpan {
        &self.span
    }

    /// The load is over.
    pub(crate) fn end(mut self, outcome: LoadOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let outcome = if self.polled { LoadOutcome::Panicked } else { self.outcome };
        let took = self.took.unwrap_or_else(|| self.began.elapsed());
        self.observers.load_over(self.template, outcome, self.bypass, took);
    }
}
