//! Running a body of one's own, because a load ended in nothing that could be shared.
//!
//! A load ends in nothing that can be shared if it panics, or with an error that cannot be shared, or with a
//! value that can be neither cloned nor decoded. Nobody waits for such a load twice: each caller that waited for it runs its
//! own body. Sixteen of a key start at once, because the next one may succeed, and a database that is in
//! trouble should not meet ten thousand. The rest start together after as long again as the load took that
//! failed, so no caller waits for more than two loads.
//!
//! What such a body returns is not stored. It is given to the callers that still wait for their turn and whose
//! calls came before the body began.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::crowds::Crowd;
use super::ending::arrived;
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended};
use crate::engine::call::Call;
use crate::engine::landing::{Landing, Origin};
use crate::engine::parts::Engine;
use crate::observe::{BypassReason, LoadOutcome, RequestResult};
use crate::race::{First, race};
use crate::time::sleep_until;

/// Runs the body, unless a value is found or returned by another body while the call waits for its turn, which
/// comes after `pause` at the latest.
pub(super) async fn run_own(
    engine: &Engine,
    call: &Call<'_>,
    body: &Body<'_>,
    pause: Duration,
) -> Next {
    let crowd = engine.crowds.of(call.key.as_str());
    // Who has waited for such a load before, or was given what it cannot decode, runs its body at once.
    let _turn = if pause.is_zero() {
        None
    } else {
        let after_pause = Instant::now().checked_add(pause);
        let until = [after_pause, call.ends_waiting()].into_iter().flatten().min();
        let (turn, over) = (pin!(crowd.turns.acquire()), pin!(sleep_until(until)));
        let turn = pin!(race(turn, over));
        let wait = call.wait(engine);
        // What is given comes first, because a turn comes with it.
        match race(pin!(given(&crowd, call)), turn).await {
            First::B(turn) => Some(turn),
            First::A(landing) => {
                wait.was_for(&landing);
                return Next::after(call, landing);
            }
        }
    };
    let _permit = match arrived(engine, call).await {
        Ok(Some(arrived)) if !call.is_forced() => {
            return Next::Serve(Served::Value(arrived.value, RequestResult::Waited));
        }
        Ok(_) => None,
        Err(_) => Some(engine.bypass.permit(call.policy.wait_for_lock).await),
    };
    call.task().inspect(|task| task.note_begun(RequestResult::Bypassed));
    let begun = engine.tickets.next();
    let ended = body.run(Some(BypassReason::NotShared), None).await;
    let origin = Origin { begun, is_load: true, fenced: false, load: body.span() };
    match ended {
        Ended::Value { value, .. } => {
            body.landed(LoadOutcome::NotCached);
            crowd.latest.send_replace(Some(Landing::Value { value, origin }));
        }
        Ended::Unstorable(value) => {
            body.landed(LoadOutcome::Undecodable);
            if let Some(value) = value {
                crowd.latest.send_replace(Some(Landing::Value { value, origin }));
            }
        }
        Ended::Failed(Some(error)) => {
            crowd.latest.send_replace(Some(Landing::Failed { error, origin }));
        }
        Ended::Failed(None) | Ended::FailedNotKept | Ended::Panicked(_) => {}
    }
    Next::Serve(Served::Own(RequestResult::Bypassed))
}

/// Runs the body of a call whose cache is disabled. Nobody else is given what it returns.
pub(super) async fn run_uncached(body: &Body<'_>) -> Next {
    body.run(Some(BypassReason::Disabled), None).await;
    body.landed(LoadOutcome::NotCached);
    Next::Serve(Served::Own(RequestResult::Bypassed))
}

/// What another body of the crowd has for a call that waits for its turn.
async fn given(crowd: &Crowd, call: &Call<'_>) -> Landing {
    let mut latest = crowd.latest.subscribe();
    if let Ok(landing) = latest.wait_for(|landing| is_for(landing.as_ref(), call)).await
        && let Some(landing) = &*landing
    {
        return landing.clone();
    }
    pending().await
}

/// Whether a call may have what another body has landed.
fn is_for(landing: Option<&Landing>, call: &Call<'_>) -> bool {
    match landing {
        Some(Landing::Value { origin, .. } | Landing::Failed { origin, .. }) => {
            call.may_have(origin)
        }
        Some(Landing::NotShared { .. } | Landing::ReadAgain) | None => false,
    }
}
