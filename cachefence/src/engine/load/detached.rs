//! Detached loads: loads in tasks of their own, which outlive the calls that began them.
//!
//! A call decides as it would without tasks. Where it is to lead a load, a task leads in its place, exactly as
//! the call would have: it waits for other processes, takes the lease, runs the body, stores. The call serves
//! the value that it holds or, if it holds none, waits for the task as a member of its flight. So whether the
//! call stays, leaves, or is not polled any more makes no difference to those who wait for the same load.
//!
//! A task ends early for one of two reasons: its load has not begun, and nobody waits for it any more; or its
//! lease is void, so that its value could be given only to calls that wait, and none does.
//!
//! # Renewal
//!
//! The lease is renewed by yet another task, so a body that keeps its thread does not lose it. But a body that
//! nobody polls should: its runtime may have been left for good. So the lease is renewed as long as the load's
//! task is inside a poll, or was polled within the last term; the task wakes itself often enough for that.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;

use super::ending::stale;
use super::next::Next;
use super::recursion::Chain;
use super::task::{OwnLoad, TaskState};
use crate::engine::call::{Call, Held, Work};
use crate::engine::flight::Turn;
use crate::engine::landing::{Encoded, Joiner, Landing, LoadFlight};
use crate::engine::parts::Engine;
use crate::lease::{Holding, RENEWALS_PER_LEASE};
use crate::observe::CallerSpan;
use crate::race::{First, race};
use crate::tasks::Unwaited;
use crate::time::{sleep, sleep_until, spawn};

/// A load that a task is to lead in place of a call.
pub(crate) struct ToDetach {
    next: Next,
    waits: Waits,
    is_refresh: bool,
}

/// A call's wait for the load that its task leads. Dropped, it tells the task that the call has gone.
pub(crate) struct Waits {
    /// The call's place in the flight that the task leads.
    joiner: Joiner,
    /// The value that the call serves if the load gives it nothing better.
    held: Option<Box<Held>>,
    own: OwnLoad,
}

/// The end of a call's wait for the load that its task leads.
pub(crate) enum Waited {
    /// The load, or another one beside it, has given a value.
    Value(Encoded),
    /// The load has failed. If there is a stale window, there is a value to serve instead.
    Failed(Option<Box<Held>>),
    /// The load takes longer than the call waits, which holds this value.
    TakesTooLong(Box<Held>),
    /// The load is void for others: the call is given what its own body returns. If the call holds a value, it waits no
    /// longer than until then.
    OwnResult(Option<Box<Held>>, Option<Instant>),
}

impl ToDetach {
    /// What a task is to do if a call goes on with `next`. Gives `next` back if that is not to lead a load.
    pub(crate) fn new(next: Next) -> Result<Self, Next> {
        let (baton, attempt) = match &next {
            Next::Lead(baton, attempt) => (baton, attempt),
            Next::Hedge(hedge) => (&hedge.baton, &hedge.attempt),
            Next::Serve(_)
            | Next::Join(..)
            | Next::Guest
            | Next::Own(_)
            | Next::Uncached
            | Next::Read => return Err(next),
        };
        let own = OwnLoad::new();
        let waits = Waits { joiner: baton.member(), held: attempt.held.clone(), own };
        let is_refresh = attempt.is_refresh();
        Ok(Self { next, waits, is_refresh })
    }

    /// The value that the call serves meanwhile, if the load is a refresh.
    pub(crate) fn refreshed(&self) -> Option<&Held> {
        self.waits.held.as_deref().filter(|_| self.is_refresh)
    }

    /// What the call is to do itself, because there can be no task.
    pub(crate) fn into_next(self) -> Next {
        self.next
    }

    /// Splits the load into the task's step, the call's wait, and what the task needs besides.
    pub(crate) fn begin(self, engine: &Arc<Engine>, call: &Call<'_>) -> (Next, Waits, InTask) {
        let Self { next, waits, is_refresh } = self;
        let in_task = InTask {
            engine: Arc::clone(engine),
            template: call.template(),
            over: Instant::now().checked_add(call.policy.load_timeout),
            flight: Arc::clone(&waits.joiner.flight),
            state: Arc::clone(waits.own.state()),
            chain: Chain::current(),
            span: CallerSpan::current(),
            place: is_refresh.then(|| engine.tasks.unwaited(call.template())),
        };
        (next, waits, in_task)
    }
}

/// The surroundings of a load that runs in a task.
pub(crate) struct InTask {
    engine: Arc<Engine>,
    template: &'static str,
    /// When the load takes longer than `load_timeout`.
    over: Option<Instant>,
    flight: Arc<LoadFlight>,
    state: Arc<TaskState>,
    chain: Chain,
    span: CallerSpan,
    /// The place among the loads that nobody waits for, which a refresh has from the beginning.
    place: Option<Unwaited>,
}

impl InTask {
    pub(crate) fn state(&self) -> Arc<TaskState> {
        Arc::clone(&self.state)
    }

    /// Does `work`, inside the same loads and the same span as the caller; `None` if the work is for nobody any
    /// more.
    pub(crate) async fn run<T>(
        self,
        mut work: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Option<T> {
        let inherited = poll_fn(|cx| {
            let _inside = self.chain.enter();
            let mut polled = Poll::Pending;
            self.state.poll(&mut || self.span.within(&mut || polled = work.as_mut().poll(cx)));
            polled
        });
        match race(pin!(inherited), pin!(self.abandoned())).await {
            First::A(output) => Some(output),
            First::B(()) => None,
        }
    }

    /// Ends when the load is for nobody, and so is to be dropped.
    async fn abandoned(&self) {
        let Self { engine, state, flight, .. } = self;
        // Whoever waits for a load that takes longer than `load_timeout`, or of a cache that is shut down, begins
        // again, but for the call that has begun it.
        let over = async {
            let limit = pin!(sleep_until(self.over));
            race(limit, pin!(engine.tasks.over())).await;
            state.until_left().await;
        };
        let deserted = async {
            let _place = if self.place.is_none() {
                state.until_left().await;
                flight.deserted().await;
                if !state.has_begun() {
                    return;
                }
                Some(engine.tasks.unwaited(self.template))
            } else {
                None
            };
            state.until_void_and_left().await;
            flight.deserted().await;
        };
        race(pin!(over), pin!(deserted)).await;
    }
}

impl Waits {
    /// The load, to be asked how the call is served.
    pub(crate) fn own_load(&self) -> OwnLoad {
        self.own.clone()
    }
}

/// Waits for the load that the call's task leads: for as long as its body takes, or `recompute_timeout` if
/// the call holds a value.
pub(crate) fn wait_for_task<'a>(
    engine: &'a Engine,
    call: &'a Call<'_>,
    Waits { mut joiner, held, own }: Waits,
) -> Work<'a, Waited> {
    Box::pin(async move {
        let limit = held.as_ref().and_then(|_| call.soft_limit(joiner.since()));
        // The task may have left the flight, and ended without it.
        let ended = async {
            let limit = pin!(sleep_until(limit));
            race(limit, pin!(own.state().until_result())).await
        };
        let turn = race(Pin::new(&mut joiner), pin!(ended)).await;
        match (turn, held) {
            (First::A(Turn::Landed(Landing::Value { value, origin })), _)
                if call.may_have(&origin) =>
            {
                Waited::Value(value)
            }
            (First::A(Turn::Landed(Landing::Failed { .. } | Landing::NotShared { .. })), held) => {
                Waited::Failed(match held {
                    _ if !call.falls_back() => None,
                    None => stale(engine, call).await,
                    held => held,
                })
            }
            (First::B(First::A(())), Some(held)) => Waited::TakesTooLong(held),
            // The members read again, or one of them leads; this call has a body that runs.
            (_, held) => Waited::OwnResult(held, limit),
        }
    })
}

/// The renewal of a lease by another task than the load's. Dropped, it ends.
pub(super) struct Renewal {
    task: Option<JoinHandle<()>>,
    pause: Duration,
}

impl Renewal {
    /// Starts the task, and lets it run once: a task that is spawned on a thread which then blocks may not be taken
    /// over by another thread before it has.
    pub(super) async fn start(
        state: &Arc<TaskState>,
        holding: &Arc<Holding>,
        longest: Duration,
    ) -> Self {
        let (state, holding) = (Arc::clone(state), Arc::clone(holding));
        let pause = holding.term() / RENEWALS_PER_LEASE;
        let renewal = async move { holding.keep(longest, || state.is_alive(holding.term())).await };
        let started = Self { task: spawn(renewal), pause };
        yield_now().await;
        started
    }

    /// Ends when the lease is lost, or is not renewed any more. Wakes the load's task meanwhile, which shows that it is
    /// polled.
    pub(super) async fn ended(&mut self) {
        let Self { task: Some(task), pause } = self else { return };
        let wakes_itself = async {
            loop {
                sleep(*pause).await;
            }
        };
        let _: First<_, ()> = race(Pin::new(task), pin!(wakes_itself)).await;
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}
