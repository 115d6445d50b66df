//! Loads in tasks of their own, so that no call that holds a value waits for its body.
//!
//! A call decides as any other. If it is to lead a load and holds a value, a task leads in its place:
//! the call then serves the value that it holds, or joins the task's flight. There is one task for a
//! key, however many calls come.

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
    /// A task is to lead; the call serves what it holds, or waits.
    Lead(Task, Option<Waits>),
    /// Somebody leads already.
    Wait(Waits),
}

/// What the task of a load is to do.
pub(crate) struct Task {
    baton: Leader,
    attempt: Attempt,
}

/// A call's wait for the load of a task.
pub(crate) struct Waits {
    joiner: Joiner,
    attempt: Attempt,
    /// Whether it is the call that began the load, which then has no limit but `recompute_timeout`.
    is_first: bool,
}

/// Has a task lead in place of a call that holds a value. Gives `next` back if no load is to come of it.
pub(crate) fn in_background(next: Next) -> Result<InBackground, Next> {
    Ok(match next {
        Next::Lead(baton, attempt) => {
            let waits = match attempt.purpose {
                Purpose::Refresh => None,
                Purpose::Miss => baton.flight().join(false),
            };
            let waits =
                waits.map(|joiner| Waits { joiner, attempt: attempt.clone(), is_first: true });
            InBackground::Lead(Task { baton, attempt: Attempt { held: None, ..attempt } }, waits)
        }
        Next::Join(joiner, attempt) => {
            InBackground::Wait(Waits { joiner, attempt, is_first: false })
        }
        Next::Serve(_) | Next::Guest | Next::Own | Next::Read => return Err(next),
    })
}

/// The right to one more task; `None` if there are as many as may be.
pub(in crate::engine) fn permit(engine: &Engine) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&engine.background).try_acquire_owned().ok()
}

/// Waits for the load of a task, until it has taken as long as `recompute_timeout` says. `None` if the
/// call is to serve what it holds: the load failed, or takes longer.
pub(in crate::engine) async fn wait(
    engine: &Engine,
    call: &mut Call<'_>,
    Waits { joiner, attempt, is_first }: Waits,
) -> Option<Encoded> {
    // Calls that come to a load which hangs do not each wait for it anew.
    call.soft_deadline = call.soft_limit(joiner.since());
    if is_first {
        call.deadline = None;
    }
    match join(engine, call, joiner, attempt).await {
        Next::Serve(Served::Value(value)) => Some(value),
        _ => None,
    }
}

/// Leads in a task. Nobody waits for what comes of it: it is in the store, or left for the next reader.
pub(in crate::engine) async fn lead_in_task(
    engine: &Engine,
    call: &mut Call<'_>,
    Task { baton, attempt }: Task,
    body: &Body,
) {
    call.start_waiting(&engine.tickets);
    drop(lead(engine, call, baton, attempt, body).await);
}
