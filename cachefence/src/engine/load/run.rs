//! Running the body for a flight, under the lease if there is one.
//!
//! The lease is renewed while the body runs, in the same task, so a leader that is not polled loses it.
//! When the body has ended, the flight is sealed before anything is stored, and
//! [`ending`](super::ending) does the rest. A lease that is lost does not stop the body: its value may
//! be older than what the joiners know, so they start again at once, and the value goes to the leader's
//! own caller.

use std::pin::pin;

use tokio::time::Instant;

use super::ending::{end_without_value, stale, store};
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended, Use};
use crate::engine::call::{Call, Held};
use crate::engine::landing::{Landing, Leader, Origin};
use crate::engine::parts::Engine;
use crate::observe::{BypassReason, RequestResult};
use crate::race::{First, beside, race};
use crate::store::Outcome;
use crate::time::sleep_until;

/// Runs the body and shares its result. Without a lease, there is a reason to `bypass` it. A call that holds a value waits for the body no longer than
/// `recompute_timeout`, and serves that value if the body fails and there is a stale window.
pub(super) async fn run(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    bypass: Option<BypassReason>,
    held: Option<Box<Held>>,
    body: &Body<'_>,
) -> Next {
    let begun = engine.tickets.next();
    let started = Instant::now();
    let limit = held.as_ref().and_then(|_| call.soft_limit(started));
    let ended = {
        let run = pin!(run_renewed(engine, call, &mut baton, bypass, body));
        race(run, pin!(sleep_until(limit))).await
    };
    let took = started.elapsed();
    // The flight is sealed before the value is stored. A caller that joined now would be given what was
    // read before it came, and the store may accept that value although the caller knows of a later
    // change.
    baton.seal();
    let left = call.left(&*engine.store);
    let own = match bypass {
        None => RequestResult::Loaded,
        Some(_) => RequestResult::Bypassed,
    };
    match ended {
        First::B(()) => {
            // Calls that may serve a stale value find its entry marked, and serve it.
            let outcome = Outcome::Postpone(call.policy.retry_after);
            end_without_value(baton, outcome, left, |_| Landing::ReadAgain).await;
            engine.observers.swallowed_error(call.key, "it took longer than `recompute_timeout`");
            // Without a held value there is no limit to reach.
            held.map_or(Next::Read, Next::from)
        }
        First::A(Ended::Value { payload, ttl }) => {
            let origin = Origin { begun, fenced: false, load: body.span() };
            let outcome = store(engine, call, baton, (origin, took), payload, ttl).await;
            body.landed(outcome);
            Next::Serve(Served::Own(own))
        }
        First::A(Ended::FailedNotKept) => {
            // Dropped, which ends the load in a task.
            drop(end_without_value(baton, call.failed(), left, |_| Landing::NotShared));
            let held = held.filter(|_| call.forgives());
            held.map_or(Next::Serve(Served::Own(own)), Next::from)
        }
        First::A(Ended::Failed(error)) => {
            let sent = Instant::now();
            let load = body.span();
            let landing = move |fenced| match error {
                Some(error) => Landing::Failed { error, origin: Origin { begun, fenced, load } },
                None => Landing::NotShared,
            };
            end_without_value(baton, call.failed(), left, landing).await;
            call.budget.add_since(sent);
            let held = match held {
                _ if !call.forgives() => None,
                None => stale(engine, call).await,
                held => held,
            };
            held.map_or(Next::Serve(Served::Own(own)), Next::from)
        }
    }
}

/// Runs the body, and renews the lease meanwhile. If there is no lease, because the store cannot be
/// asked, the body needs a permit.
async fn run_renewed(
    engine: &Engine,
    call: &Call<'_>,
    baton: &mut Leader,
    bypass: Option<BypassReason>,
    body: &Body<'_>,
) -> Ended {
    let Some(lease) = &mut baton.cargo else {
        let _permit = engine.bypass.permit(call.stuck_after()).await;
        return body.run(Use::Shared, bypass).await;
    };
    let keep = async {
        lease.keep(call.policy.load_timeout).await;
        // The lease is lost, so the value is for the leader's own caller only, and the joiners need not
        // wait for it.
        baton.flight.dismiss(Landing::ReadAgain);
    };
    beside(pin!(body.run(Use::Shared, bypass)), pin!(keep)).await
}
