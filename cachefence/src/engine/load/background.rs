//! Loads in tasks of their own, so that no call that holds a value waits for its body.
//!
//! A call decides as it would without tasks. If it is to lead a load and holds a value, a task leads in
//! its place: the call then serves the value that it holds or, where only a failure would allow that,
//! waits for the task. A task leads a flight as a caller does, so there is at most one task per key and
//! process, however many calls come.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::join::join;
use super::lead::lead;
use super::next::{Next, Served};
use crate::engine::body::Body;
use crate::engine::call::{Attempt, Call, Purpose, Work};
use crate::engine::landing::{Encoded, Joiner, Leader};
use crate::engine::parts::Engine;
use crate::observe::RequestResult;

/// How a call that holds a value goes on, where loads run in tasks.
pub(crate) enum InBackground {
    /// A task is to lead a load.
    Lead(Task),
    /// Another call, or its task, leads a load already.
    Wait(Waits),
}

/// What the task of a load is to do.
pub(crate) struct Task {
    baton: Leader,
    attempt: Attempt,
}

/// A call's wait for a load that another call, or its task, leads.
pub(crate) struct Waits {
    joiner: Joiner,
    attempt: Attempt,
}

/// The end of a call's wait for a load.
pub(crate) enum Waited {
    Value(Encoded, RequestResult),
    /// The leader is gone: a task of this call is to go on.
    Lead(Task),
    /// The load failed, or takes longer than the call waits.
    InVain,
}

impl Task {
    fn new(baton: Leader, mut attempt: Attempt) -> Self {
        attempt.held = None; // the call serves it, not its task
        Self { baton, attempt }
    }

    /// Whether the call that starts the task waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.attempt.purpose == Purpose::Miss
    }
}

/// Has a task lead in place of a call that holds a value. Returns `next` if that is neither to lead nor
/// to join a load.
pub(crate) fn in_background(next: Next) -> Result<InBackground, Next> {
    match next {
        Next::Lead(baton, attempt) => Ok(InBackground::Lead(Task::new(baton, attempt))),
        Next::Join(joiner, attempt) => Ok(InBackground::Wait(Waits { joiner, attempt })),
        Next::Serve(_) | Next::Guest | Next::Own | Next::Read => Err(next),
    }
}

/// The right to one more task; `None` if the most that may run at a time are running.
pub(crate) fn permit(engine: &Engine) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&engine.background).try_acquire_owned().ok()
}

/// Waits for a load that another call, or its task, leads, until `recompute_timeout` after the load
/// began.
pub(crate) fn wait<'a>(
    engine: &'a Engine,
    call: &'a mut Call<'_>,
    Waits { joiner, attempt }: Waits,
) -> Work<'a, Waited> {
    Box::pin(async move {
        // The limit counts from the start of the load: calls that come to a load which hangs do not each
        // wait for it anew.
        call.soft_deadline = call.soft_limit(joiner.since());
        match join(engine, call, joiner, attempt).await {
            Next::Serve(Served::Value(value, result)) => Waited::Value(value, result),
            Next::Lead(baton, attempt) => Waited::Lead(Task::new(baton, attempt)),
            _ => Waited::InVain,
        }
    })
}

/// Leads in a task. Returns what the call that started the task is to be served, if the load ended in
/// something for it.
pub(crate) fn lead_in_task<'a>(
    engine: &'a Engine,
    call: &'a mut Call<'_>,
    Task { baton, attempt }: Task,
    body: &'a Body<'_>,
) -> Work<'a, Option<Served>> {
    Box::pin(async move {
        call.start_waiting(&engine.tickets);
        match lead(engine, call, baton, attempt, body).await {
            Next::Serve(served) => Some(served),
            Next::Lead(..) | Next::Join(..) | Next::Guest | Next::Own | Next::Read => None,
        }
    })
}
