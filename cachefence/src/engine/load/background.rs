//! Loads in tasks of their own, so that no call that holds a value waits for its body.
//!
//! A call decides as any other. If it is to lead a load and holds a value, a task leads in its place:
//! the call then serves the value that it holds, or waits for the task. There is one task for a key,
//! however many calls come.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::join::join;
use super::lead::lead;
use super::next::{Next, Served};
use crate::engine::body::Body;
use crate::engine::call::{Attempt, Call, Purpose};
use crate::engine::landing::{Encoded, Joiner, Leader};
use crate::engine::parts::Engine;

/// How a call goes on that holds a value, where tasks load.
pub(crate) enum InBackground {
    /// A task is to lead.
    Lead(Task),
    /// Somebody leads already.
    Wait(Waits),
}

/// What the task of a load is to do.
pub(crate) struct Task {
    baton: Leader,
    attempt: Attempt,
}

/// A call's wait for the load of another's task.
pub(crate) struct Waits {
    joiner: Joiner,
    attempt: Attempt,
}

/// What a call's wait came to.
pub(crate) enum Waited {
    Value(Encoded),
    /// The task that led is gone: another is to go on.
    Lead(Task),
    /// The load failed, or takes longer than the call waits.
    InVain,
}

impl Task {
    fn new(baton: Leader, mut attempt: Attempt) -> Self {
        attempt.held = None; // which the call serves, not its task
        Self { baton, attempt }
    }

    /// Whether the call that begins it waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.attempt.purpose == Purpose::Miss
    }
}

/// Has a task lead in place of a call that holds a value. Gives `next` back if no load is to come of it.
pub(crate) fn in_background(next: Next) -> Result<InBackground, Next> {
    match next {
        Next::Lead(baton, attempt) => Ok(InBackground::Lead(Task::new(baton, attempt))),
        Next::Join(joiner, attempt) => Ok(InBackground::Wait(Waits { joiner, attempt })),
        Next::Serve(_) | Next::Guest | Next::Own | Next::Read => Err(next),
    }
}

/// The right to one more task; `None` if there are as many as may be.
pub(in crate::engine) fn permit(engine: &Engine) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&engine.background).try_acquire_owned().ok()
}

/// Waits for the load of another's task, until that has taken as long as `recompute_timeout` says.
pub(in crate::engine) async fn wait(
    engine: &Engine,
    call: &mut Call<'_>,
    Waits { joiner, attempt }: Waits,
) -> Waited {
    // Calls that come to a load which hangs do not each wait for it anew.
    call.soft_deadline = call.soft_limit(joiner.since());
    match join(engine, call, joiner, attempt).await {
        Next::Serve(Served::Value(value)) => Waited::Value(value),
        Next::Lead(baton, attempt) => Waited::Lead(Task::new(baton, attempt)),
        _ => Waited::InVain,
    }
}

/// Leads in a task. Gives what the call that began it is served, if it waits.
pub(in crate::engine) async fn lead_in_task(
    engine: &Engine,
    call: &mut Call<'_>,
    Task { baton, attempt }: Task,
    body: &Body,
) -> Option<Served> {
    call.start_waiting(&engine.tickets);
    match lead(engine, call, baton, attempt, body).await {
        Next::Serve(served) => Some(served),
        Next::Lead(..) | Next::Join(..) | Next::Guest | Next::Own | Next::Read => None,
    }
}
