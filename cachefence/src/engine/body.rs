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

use super::call::Work;
use super::landing::{Encoded, LoadFlight};
use super::load::next::Done;
use super::parts::Engine;
use crate::force;
use crate::key::Key;
use crate::observe::{BypassReason, Entered, Load, LoadOutcome, LoadSpan, Observers};
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

impl Ran<'_> {
    /// Until the guards are dropped, this thread is in the span of the load, and calls are not forced.
    #[inline(never)]
    fn enter(&self) -> (force::Restore, Option<Entered<'_>>) {
        let span = match self {
            Self::Load(load) => load.span().enter(),
            Self::Panicked(_) => None,
        };
        (force::suspend(), span)
    }
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
    /// The body has panicked. The payload is moved to where [`Body::take_panic`] finds it.
    Panicked(Option<Panic>),
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

    /// Polls the body by `poll_body`. While that runs, no lock is held.
    ///
    /// A body that calls a cached function polls that function's body here, and so on. So this function and those
    /// that it calls keep little on the stack.
    fn poll(&self, poll_body: PollBody<'_>, cx: &mut Context<'_>) -> Progress {
        let ran = self.take_ran();
        // A panic is one way for a load to end. A body that has panicked is not polled again, so nobody sees what it left
        // half done.
        let polled = {
            let _inside = ran.enter();
            catch_unwind(AssertUnwindSafe(|| poll_body(cx)))
        };
        self.note(ran, polled)
    }

    /// The run of the body, which begins now if it has not begun.
    #[inline(never)]
    #[allow(clippy::unnecessary_box_returns)] // a caller keeps little on its stack
    fn take_ran(&self) -> Box<Ran<'a>> {
        let mut shared = self.shared();
        let (ran, bypass) = (shared.ran.take(), shared.bypass);
        drop(shared);
        ran.unwrap_or_else(|| Box::new(Ran::Load(self.observers.load(self.key, bypass))))
    }

    /// Takes in what polling the body came to.
    #[inline(never)]
    fn note(&self, mut ran: Box<Ran<'a>>, polled: Result<bool, Panic>) -> Progress {
        if let Err(panic) = polled {
            self.end(Ended::Panicked(Some(panic)));
        }
        let mut shared = self.shared();
        let State::Ended(ended) = &mut shared.state else {
            shared.ran = Some(ran);
            return Progress::Pending;
        };
        if let Ran::Load(load) = &mut *ran {
            load.body_ended();
        }
        let (over, progress, panic) = match &mut **ended {
            Ended::Value { .. } | Ended::Unstorable(_) => {
                shared.ran = Some(ran);
                return Progress::Ended;
            }
            Ended::Failed(_) => (LoadOutcome::Failed, Progress::Ended, None),
            Ended::FailedNotKept => (LoadOutcome::Failed, Progress::Last, None),
            Ended::Panicked(panic) => (LoadOutcome::Panicked, Progress::Ended, panic.take()),
        };
        shared.ran = panic.map(|panic| Box::new(Ran::Panicked(panic)));
        drop(shared);
        if let Ran::Load(load) = *ran {
            load.end(over);
        }
        progress
    }

    /// Says how the body `ended`. The caller's future polls the engine next.
    pub(crate) fn end(&self, ended: Ended) {
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

/// Polls a body for a call, which tells [`Body::end`] what the body returns. Returns whether the body has ended.
pub(crate) type PollBody<'p> = &'p mut dyn FnMut(&mut Context<'_>) -> bool;

/// What polling a body came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Pending,
    /// The body has ended.
    Ended,
    /// The body has ended, and its caller polls the engine once more and not after that.
    Last,
}

/// Polls the engine's `work` and, while the engine wants it, the body, which `poll_body` polls. Returns whether the call is
/// over; what it is served is put into `done`. Nothing is, if the body has ended in a way that the caller does not wait
/// after: the work then goes on in a task.
pub(crate) fn poll_in_turn<'a>(
    work: &mut Work<'a, Done<'a>>,
    body: &Body<'_>,
    poll_body: PollBody<'_>,
    done: &mut Option<Box<Done<'a>>>,
    cx: &mut Context<'_>,
) -> bool {
    let mut ran = false;
    loop {
        let mut is_last = false;
        if !ran && body.is_wanted() {
            ran = true;
            is_last = body.poll(poll_body, cx) == Progress::Last;
        }
        if poll_work(work, done, cx) || is_last {
            return true;
        }
        if ran || !body.is_wanted() {
            return false;
        }
    }
}

#[inline(never)]
fn poll_work<'a>(
    work: &mut Work<'a, Done<'a>>,
    done: &mut Option<Box<Done<'a>>>,
    cx: &mut Context<'_>,
) -> bool {
    match work.as_mut().poll(cx) {
        Poll::Pending => false,
        Poll::Ready(ready) => {
            *done = Some(Box::new(ready));
            true
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

    fn poll_body(body: &Body<'_>, poll: PollBody<'_>) -> Progress {
        body.poll(poll, &mut Context::from_waker(Waker::noop()))
    }

    fn ends(body: &Body<'_>, ended: Ended) -> Progress {
        let mut ended = Some(ended);
        poll_body(body, &mut |_| {
            ended.take().is_some_and(|ended| {
                body.end(ended);
                true
            })
        })
    }

    fn is_pending(body: &Body<'_>) -> bool {
        poll_body(body, &mut |_| false) == Progress::Pending
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
                assert!(is_pending(body));
                assert_eq!(body.observers.stats(0).loads_under_way, 1);
            }
            assert!(ends(body, value()) == Progress::Ended);
            body.landed(LoadOutcome::Stored);
        });
        assert_eq!((stats.loads.stored, stats.loads.total()), (1, 1));
        assert_eq!((stats.bypasses.store_failed, stats.bypasses.total()), (1, 1));
    }

    #[test]
    fn a_load_that_is_dropped_was_aborted_and_one_whose_body_panics_has_panicked() {
        let aborted = with_body(|body| {
            let _run = body.run(None, None);
            assert!(is_pending(body));
        });
        assert_eq!((aborted.loads.aborted, aborted.loads.total()), (1, 1));
        let panicked = with_body(|body| {
            let _run = body.run(None, None);
            let polled = poll_body(body, &mut |_| panic!("on purpose"));
            assert!(polled == Progress::Ended);
            let panic = body.take_panic().unwrap();
            assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
        });
        assert_eq!((panicked.loads.panicked, panicked.loads.total()), (1, 1));
    }

    #[test]
    fn a_load_that_fails_is_over_at_once() {
        let stats = with_body(|body| {
            let _run = body.run(None, None);
            let polled = ends(body, Ended::Failed(None));
            assert!(polled == Progress::Ended);
        });
        assert_eq!((stats.loads.failed, stats.loads.total()), (1, 1));
    }
}
