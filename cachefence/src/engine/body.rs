//! The recompute of one call, as the engine sees it.
//!
//! The engine does not know a call's types, so it cannot poll the call's body. It says that it [wants
//! the body run](Body::run) and waits until the body has ended. The caller's own future, which knows
//! the types, polls the engine and the body in turn, in one task; see `crate::fetch`. So the engine
//! is compiled once rather than for each function, and a body is polled a few frames below its
//! caller.
//!
//! The body's result stays with the caller's future. The engine is told only what other callers need
//! of it ([`Ended`]): the encoded value and its ttl, or an error that can be shared.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::load::next::Served;
use crate::share::SharedErr;
use crate::sync::lock;

/// One call's body, shared by the engine and the caller's future, which polls it.
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
        /// The encoded value, for the other callers; `None` if it could not be encoded, which has
        /// been reported, or if nobody else is to have it.
        payload: Option<Bytes>,
        /// The value's ttl; `None` if the value is not to be stored.
        ttl: Option<Duration>,
    },
    /// The error that others are given, if it can be shared.
    Failed(Option<SharedErr>),
    /// As `Failed(None)`, of a call that cannot keep its error: it returns the error at once, and
    /// does not poll the engine again.
    FailedNotKept,
}

/// What a body is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// For its own call only: nobody else is given the result.
    Own,
    /// For its own call and for all callers that wait for the load.
    Shared,
}

impl Body {
    /// Asks for the body to be run, and waits for its end. If this future is dropped before, the body
    /// is not wanted any more.
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

    /// Says how the body `ended`. The caller's future polls the engine next.
    pub(crate) fn end(&self, ended: Ended) {
        *self.state() = State::Ended(ended);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// The wait for the end of a body; see [`Body::run`].
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

/// Polls the engine's `work` and, while the engine wants it, the body, which `poll_body` polls. The output
/// is what the work serves; `None` if the body has ended in a way that the caller does not wait after, and the work
/// goes on in a task.
pub(crate) fn poll_in_turn(
    work: Pin<&mut (dyn Future<Output = Option<Served>> + Send + '_)>,
    body: &Body,
    poll_body: &mut dyn FnMut(Use, &mut Context<'_>) -> Poll<Ended>,
    cx: &mut Context<'_>,
) -> Poll<Option<Served>> {
    let (mut work, mut ran) = (work, false);
    loop {
        if let Some(wanted) = body.wanted().filter(|_| !ran) {
            ran = true;
            if let Poll::Ready(ended) = poll_body(wanted, cx) {
                let is_last = matches!(ended, Ended::FailedNotKept);
                body.end(ended);
                if is_last {
                    return Poll::Ready(match work.as_mut().poll(cx) {
                        Poll::Ready(served) => served,
                        Poll::Pending => None,
                    });
                }
            }
        }
        match work.as_mut().poll(cx) {
            Poll::Ready(served) => return Poll::Ready(served),
            Poll::Pending if !ran && body.wanted().is_some() => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn poll(run: &mut Run<'_>) -> Poll<Ended> {
        Pin::new(run).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_body_is_wanted_until_it_has_ended() {
        let body = Body::default();
        assert_eq!(body.wanted(), None);
        let mut run = body.run(Use::Shared);
        assert!(poll(&mut run).is_pending());
        assert_eq!(body.wanted(), Some(Use::Shared));
        body.end(Ended::Failed(None));
        assert_eq!(body.wanted(), None);
        assert!(matches!(poll(&mut run), Poll::Ready(Ended::Failed(None))));
    }

    #[test]
    fn a_body_that_nobody_waits_for_is_not_wanted() {
        let body = Body::default();
        drop(body.run(Use::Own));
        assert_eq!(body.wanted(), None);
    }
}
