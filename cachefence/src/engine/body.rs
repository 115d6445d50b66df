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

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use super::landing::{Encoded, LoadFlight};
use super::load::next::Served;
use super::parts::Engine;
use crate::key::Key;
use crate::observe::{BypassReason, Load, LoadOutcome, LoadSpan, Observers};
use crate::share::SharedErr;
use crate::sync::lock;

/// One call's body, shared by the engine and the caller's future, which polls it.
pub(crate) struct Body<'a> {
    observers: &'a Observers,
    key: &'a Key,
    shared: Mutex<Shared<'a>>,
}

#[derive(Default)]
struct Shared<'a> {
    state: State,
    /// Why the body runs without the lease, if it does.
    bypass: Option<BypassReason>,
    /// The flight that the body runs for.
    flight: Option<Arc<LoadFlight>>,
    /// In a box, because most callers run no body.
    ran: Option<Box<Ran<'a>>>,
}

/// A body that has begun.
enum Ran<'a> {
    /// Its run, until the outcome is known.
    Load(Load<'a>),
    Panicked(Panic),
}

/// The payload of a panic.
pub(crate) type Panic = Box<dyn Any + Send>;

#[derive(Default)]
enum State {
    #[default]
    NotWanted,
    Wanted,
    /// In a box, because most callers run no body.
    Ended(Box<Ended>),
}

/// How a body ended, as far as the engine has to know: the caller keeps the result itself.
pub(crate) enum Ended {
    Value {
        /// The value, for the other callers.
        value: Encoded,
        /// The value's ttl; `None` if the value is not to be stored.
        ttl: Option<Duration>,
    },
    /// A value that would not come back from the store as it is, which has been told: as the other callers are
    /// given it, if they can be.
    Unstorable(Option<Encoded>),
    /// The error that others are given, if it can be shared.
    Failed(Option<SharedErr>),
    /// The body has panicked; see [`Body::take_panic`].
    Panicked,
    /// As `Failed(None)`, of a call that cannot keep its error: it returns the error at once, and does not
    /// poll the engine again.
    FailedNotKept,
}

impl<'a> Body<'a> {
    pub(crate) fn new(engine: &'a Engine, key: &'a Key) -> Self {
        Self { observers: &engine.observers, key, shared: Mutex::default() }
    }

    /// Asks for the body to be run, and waits for its end. If this future is dropped before, the body
    /// is not wanted any more. A body that runs without a lease has a reason to `bypass` it; one that runs for a
    /// `flight` may have others waiting for it.
    pub(super) fn run(
        &self,
        bypass: Option<BypassReason>,
        flight: Option<Arc<LoadFlight>>,
    ) -> Run<'_, 'a> {
        let mut shared = self.shared();
        (shared.state, shared.bypass, shared.flight) = (State::Wanted, bypass, flight);
        Run(self)
    }

    /// The payload of the body's panic, if the body has panicked, for the one caller in which the panic goes on.
    pub(crate) fn take_panic(&self) -> Option<Panic> {
        let mut shared = self.shared();
        let ran = shared.ran.take_if(|ran| matches!(**ran, Ran::Panicked(_)))?;
        match *ran {
            Ran::Panicked(panic) => Some(panic),
            Ran::Load(_) => None,
        }
    }

    fn take_load(&self) -> Option<Load<'a>> {
        let mut shared = self.shared();
        let ran = shared.ran.take_if(|ran| matches!(**ran, Ran::Load(_)))?;
        match *ran {
            Ran::Load(load) => Some(load),
            Ran::Panicked(_) => None,
        }
    }

    /// The span of the body's run.
    pub(super) fn span(&self) -> LoadSpan {
        match self.shared().ran.as_deref() {
            Some(Ran::Load(load)) => load.span().clone(),
            Some(Ran::Panicked(_)) | None => LoadSpan::none(),
        }
    }

    /// Says what became of the value that the body gave.
    pub(super) fn landed(&self, outcome: LoadOutcome) {
        if let Some(load) = self.take_load() {
            load.end(outcome);
        }
    }

    /// Whether the caller's future is to poll the body.
    fn is_wanted(&self) -> bool {
        matches!(self.shared().state, State::Wanted)
    }

    /// Whether other callers wait for the body.
    pub(crate) fn is_awaited(&self) -> bool {
        let flight = self.shared().flight.clone();
        flight.is_some_and(|flight| flight.is_awaited())
    }

    /// Polls the body by `poll`. While that runs, no lock is held. A panic is one way for the load to end.
    fn poll(&self, poll: &mut dyn FnMut() -> Poll<Ended>) -> Poll<Ended> {
        let (ran, bypass) = {
            let mut shared = self.shared();
            (shared.ran.take(), shared.bypass)
        };
        let begin = || Box::new(Ran::Load(self.observers.load(self.key, bypass)));
        let mut ran = ran.unwrap_or_else(begin);
        let (mut polled, mut panicked) = (Poll::Pending, None);
        if let Ran::Load(load) = &mut *ran {
            load.poll(&mut || {
                // A body that has panicked is not polled again, so nobody sees what it left half done.
                polled = catch_unwind(AssertUnwindSafe(&mut *poll)).unwrap_or_else(|panic| {
                    panicked = Some(panic);
                    Poll::Ready(Ended::Panicked)
                });
                polled.is_ready()
            });
        }
        let over = match &polled {
            Poll::Ready(Ended::Failed(_) | Ended::FailedNotKept) => LoadOutcome::Failed,
            Poll::Ready(Ended::Panicked) => LoadOutcome::Panicked,
            Poll::Ready(Ended::Value { .. } | Ended::Unstorable(_)) | Poll::Pending => {
                self.shared().ran = Some(ran);
                return polled;
            }
        };
        if let Ran::Load(load) = *ran {
            load.end(over);
        }
        self.shared().ran = panicked.map(|panic| Box::new(Ran::Panicked(panic)));
        polled
    }

    /// Says how the body `ended`. The caller's future polls the engine next.
    fn end(&self, ended: Ended) {
        self.shared().state = State::Ended(Box::new(ended));
    }

    fn shared(&self) -> MutexGuard<'_, Shared<'a>> {
        lock(&self.shared)
    }
}

/// The wait for the end of a body; see [`Body::run`].
#[must_use = "futures do nothing unless polled"]
pub(super) struct Run<'b, 'a>(&'b Body<'a>);

impl Future for Run<'_, '_> {
    type Output = Ended;

    /// Registers no waker: the caller's future polls the engine each time the body has ended.
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Ended> {
        let mut shared = self.0.shared();
        match std::mem::take(&mut shared.state) {
            State::Ended(ended) => Poll::Ready(*ended),
            other => {
                shared.state = other;
                Poll::Pending
            }
        }
    }
}

impl Drop for Run<'_, '_> {
    fn drop(&mut self) {
        self.0.shared().state = State::NotWanted;
    }
}

/// Polls the engine's `work` and, while the engine wants it, the body, which `poll_body` polls. The output
/// is what the work serves; `None` if the body has ended in a way that the caller does not wait after, and the work
/// goes on in a task.
pub(crate) fn poll_in_turn(
    work: Pin<&mut (dyn Future<Output = Option<Served>> + Send + '_)>,
    body: &Body<'_>,
    poll_body: &mut dyn FnMut(&mut Context<'_>) -> Poll<Ended>,
    cx: &mut Context<'_>,
) -> Poll<Option<Served>> {
    let (mut work, mut ran) = (work, false);
    loop {
        if !ran && body.is_wanted() {
            ran = true;
            if let Poll::Ready(ended) = body.poll(&mut || poll_body(cx)) {
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
            Poll::Pending if !ran && body.is_wanted() => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::observe::Stats;

    fn poll(run: &mut Run<'_, '_>) -> Poll<Ended> {
        Pin::new(run).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Does something with a body. Returns what was counted.
    fn with_body(work: impl FnOnce(&Body<'_>)) -> Stats {
        let observers = Observers::new(String::new(), Vec::new());
        let key = Key::new("", "k".to_owned(), None).0;
        work(&Body { observers: &observers, key: &key, shared: Mutex::default() });
        observers.stats(0)
    }

    fn value() -> Ended {
        Ended::Unstorable(None)
    }

    #[test]
    fn a_body_is_wanted_until_it_has_ended() {
        with_body(|body| {
            assert!(!body.is_wanted());
            let mut run = body.run(None, None);
            assert!(poll(&mut run).is_pending());
            assert!(body.is_wanted());
            body.end(value());
            assert!(!body.is_wanted());
            assert!(matches!(poll(&mut run), Poll::Ready(Ended::Unstorable(None))));
        });
    }

    #[test]
    fn a_body_that_nobody_waits_for_is_not_wanted() {
        let stats = with_body(|body| {
            drop(body.run(None, None));
            assert!(!body.is_wanted());
        });
        assert_eq!((stats.loads.total(), stats.loads_under_way), (0, 0), "it has not begun");
    }

    #[test]
    fn each_run_of_a_body_is_one_load() {
        let stats = with_body(|body| {
            let _run = body.run(Some(BypassReason::StoreFailed), None);
            for _ in 0..3 {
                assert!(body.poll(&mut || Poll::Pending).is_pending());
                assert_eq!(body.observers.stats(0).loads_under_way, 1);
            }
            assert!(body.poll(&mut || Poll::Ready(value())).is_ready());
            body.landed(LoadOutcome::Stored);
        });
        assert_eq!((stats.loads.stored, stats.loads.total()), (1, 1));
        assert_eq!((stats.bypasses.store_failed, stats.bypasses.total()), (1, 1));
    }

    #[test]
    fn a_load_that_is_dropped_was_aborted_and_one_whose_body_panics_has_panicked() {
        let aborted = with_body(|body| {
            let _run = body.run(None, None);
            assert!(body.poll(&mut || Poll::Pending).is_pending());
        });
        assert_eq!((aborted.loads.aborted, aborted.loads.total()), (1, 1));
        let panicked = with_body(|body| {
            let _run = body.run(None, None);
            let polled = body.poll(&mut || panic!("on purpose"));
            assert!(matches!(polled, Poll::Ready(Ended::Panicked)));
            let panic = body.take_panic().unwrap();
            assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
        });
        assert_eq!((panicked.loads.panicked, panicked.loads.total()), (1, 1));
    }

    #[test]
    fn a_load_that_fails_is_over_at_once() {
        let stats = with_body(|body| {
            let _run = body.run(None, None);
            let failed = || Poll::Ready(Ended::Failed(None));
            assert!(body.poll(&mut failed.clone()).is_ready());
        });
        assert_eq!((stats.loads.failed, stats.loads.total()), (1, 1));
    }
}
