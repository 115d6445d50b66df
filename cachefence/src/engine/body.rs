//! The recompute of one call, as the engine sees it.
//!
//! The engine does not know a call's types, so it does not poll the call's body: it says that it
//! [wants it run](Body::run) and waits for what it came to. The caller's own future, which knows the
//! types, polls the engine and the body in turn, in one task; see `crate::fetch`. So the engine is
//! compiled once rather than for each function, and a body is polled a few frames below its caller.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::share::SharedErr;

/// One body, between the engine and the caller's future.
#[derive(Default)]
pub(crate) struct Body(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    NotWanted,
    Wanted(Use),
    Ended(Ended),
}

/// How a body ended, as far as the engine has to know: the caller keeps the result itself.
pub(crate) enum Ended {
    Value {
        /// What others are given; `None` if the value cannot be encoded, which has been reported.
        payload: Option<Bytes>,
        /// How long the value lives, where anything says so.
        ttl: Option<Duration>,
    },
    /// The error that others are given, if it can be shared.
    Failed(Option<SharedErr>),
    /// As `Failed(None)`, by a caller that cannot keep its error and so will not be polled again.
    FailedNotKept,
}

/// What a body is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For its call only: nobody is given what it comes to.
    Own,
    /// For all who wait.
    Shared,
}

impl Body {
    /// Has the body run, and waits for its end. Dropped before that, the body is not wanted any more.
    pub(super) fn run(&self, wanted: Use) -> Run<'_> {
        *self.state() = State::Wanted(wanted);
        Run(self)
    }

    /// What the body is wanted for; `None` if the caller's future is not to poll it.
    pub(crate) fn wanted(&self) -> Option<Use> {
        match *self.state() {
            State::Wanted(wanted) => Some(wanted),
            State::NotWanted | State::Ended(_) => None,
        }
    }

    /// The body has ended; the engine is to be polled next.
    pub(crate) fn end(&self, ended: Ended) {
        *self.state() = State::Ended(ended);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run of a body.
#[must_use = "futures do nothing unless polled"]
pub(super) struct Run<'a>(&'a Body);

impl Future for Run<'_> {
    type Output = Ended;

    /// Registers no waker: the caller's future polls the engine each time the body has ended.
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Ended> {
        let mut state = self.0.state();
        match std::mem::take(&mut *state) {
            State::Ended(ended) => Poll::Ready(ended),
            other => {
                *state = other;
                Poll::Pending
            }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        *self.0.state() = State::NotWanted;
    }
}
