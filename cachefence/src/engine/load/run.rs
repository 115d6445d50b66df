//! Running a body for a flight, under its lease where there is one.

use std::pin::pin;

use tokio::time::Instant;

use super::ending::{fail, give_up, stale, store};
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended, Use};
use crate::engine::call::Call;
use crate::engine::landing::{Encoded, Landing, Leader};
use crate::engine::parts::Engine;
use crate::race::{First, beside, race};
use crate::time::sleep_until;

/// Runs the body, and shares what it comes to. A call that holds a value does not fail, where a stale
/// window says so, and waits no longer than `recompute_timeout`.
pub(super) async fn run(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    held: Option<Encoded>,
    body: &Body,
) -> Next {
    let begun = engine.tickets.next();
    let started = Instant::now();
    let limit = held.as_ref().and_then(|_| call.soft_limit(started));
    let ended = {
        let run = pin!(run_renewed(engine, call, &mut baton, body));
        race(run, pin!(sleep_until(limit))).await
    };
    let took = started.elapsed();
    // Nobody may join any more: a caller that comes now would be given what was read before it came,
    // and the store may accept that although the caller knows of a change since.
    baton.seal();
    let served = match ended {
        First::B(()) => {
            give_up(baton, call.policy.retry_after, call.left(&*engine.store)).await;
            match held {
                Some(held) => Served::Value(held),
                None => return Next::Read, // without a held value there is no limit to reach
            }
        }
        First::A(Ended::Value { payload, ttl }) => {
            store(engine, call, baton, (begun, took), payload, ttl).await;
            Served::Own
        }
        First::A(Ended::FailedNotKept) => {
            drop(fail(baton, None, begun, call.postpones(), call.left(&*engine.store)));
            held.filter(|_| call.forgives()).map_or(Served::Own, Served::Value)
        }
        First::A(Ended::Failed(error)) => {
            let sent = Instant::now();
            fail(baton, error, begun, call.postpones(), call.left(&*engine.store)).await;
            call.budget.add_since(sent);
            let held = match held {
                _ if !call.forgives() => None,
                None => stale(engine, call).await,
                held => held,
            };
            held.map_or(Served::Own, Served::Value)
        }
    };
    Next::Serve(served)
}

/// Runs the body, and renews the lease meanwhile. Without a lease, which is to say without the store, it
/// takes a permit.
async fn run_renewed(engine: &Engine, call: &Call<'_>, baton: &mut Leader, body: &Body) -> Ended {
    let (Some(lease), flight) = baton.split() else {
        let _permit = engine.bypass.permit(call.stuck_after()).await;
        return body.run(Use::Shared).await;
    };
    let keep = async {
        lease.keep(call.policy.load_timeout).await;
        // The value of a load whose lease is lost is its own caller's; the others need not wait for it.
        flight.dismiss(Landing::ReadAgain);
    };
    beside(pin!(body.run(Use::Shared)), pin!(keep)).await
}
