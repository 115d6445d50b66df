//! One load, from the beginning of its body until its outcome is known.

use std::time::Duration;

use tokio::time::Instant;

use super::observers::template;
use super::{BypassReason, LoadOutcome, LoadSpan, Observers, RequestResult};
use crate::key::Key;

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

impl Observers {
    /// A body begins, without the lease if there is a reason to `bypass` it.
    pub(crate) fn load(&self, key: &Key, bypass: Option<BypassReason>) -> Load<'_> {
        Load::begin(self, template(key), bypass)
    }
}

impl<'a> Load<'a> {
    fn begin(
        observers: &'a Observers,
        template: &'static str,
        bypass: Option<BypassReason>,
    ) -> Self {
        observers.load_began(template, bypass);
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

    /// Polls the body inside the load's span, by `poll`, which says whether the body has ended. It is no
    /// generic function, since it would be compiled for each function that is cached.
    pub(crate) fn poll(&mut self, poll: &mut dyn FnMut() -> bool) {
        self.polled = true;
        let ended = self.span.within(poll);
        self.polled = false;
        if ended {
            self.body_ended();
        }
    }

    /// The body has ended.
    pub(crate) fn body_ended(&mut self) {
        self.took = Some(self.began.elapsed());
    }

    pub(crate) fn span(&self) -> &LoadSpan {
        &self.span
    }

    /// The load is over.
    pub(crate) fn end(mut self, outcome: LoadOutcome) {
        self.outcome = outcome;
    }
}

/// The load of a call that its cache cannot serve.
pub(crate) struct Uncached<'a> {
    observers: &'a Observers,
    key: &'a Key,
    load: Option<Load<'a>>,
}

impl<'a> Uncached<'a> {
    pub(crate) fn begin(observers: &'a Observers, key: &'a Key, reason: BypassReason) -> Self {
        Self { observers, key, load: Some(observers.load(key, Some(reason))) }
    }

    /// As [`Load::poll`], with the outcome of the load once the body has ended. The call is served by then.
    pub(crate) fn poll(&mut self, poll: &mut dyn FnMut() -> Option<LoadOutcome>) {
        let Some(load) = &mut self.load else { return };
        let mut outcome = None;
        load.poll(&mut || {
            outcome = poll();
            outcome.is_some()
        });
        if let Some(outcome) = outcome
            && let Some(load) = self.load.take()
        {
            load.end(outcome);
            self.observers.served(self.key, RequestResult::Bypassed, None);
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let outcome = if self.polled { LoadOutcome::Panicked } else { self.outcome };
        let took = self.took.unwrap_or_else(|| self.began.elapsed());
        self.observers.load_over(self.template, outcome, self.bypass, took);
    }
}
