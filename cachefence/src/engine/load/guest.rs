//! Loading as a guest: without the lease, when its holder has been waited for long enough.
//!
//! A guest's value is not stored, because nothing would void it if the key were invalidated meanwhile.
//! The value serves the guest's own caller, and the callers that came before the guest's load began.
//! There is one guest at a time per key and process. It looks into the store from time to time, and if
//! a value has arrived there, that is served instead.

use std::pin::{Pin, pin};

use super::backoff::Backoff;
use super::ending::{Arrived, arrived, arrived_meanwhile};
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended, Use};
use crate::engine::call::{Call, STUCK_AFTER};
use crate::engine::flight::{Entered, Turn};
use crate::engine::landing::{Encoded, Joiner, Landing, Leader, LoadFlight, LoadTurn, Origin};
use crate::engine::parts::Engine;
use crate::observe::{BypassReason, LoadOutcome, LoadSpan, RequestResult};
use crate::race::{First, race};
use crate::time::sleep;

/// Loads as a guest, or waits for the guest that does.
pub(super) async fn load_as_guest(engine: &Engine, call: &Call<'_>, body: &Body<'_>) -> Next {
    let turn = match engine.guests.enter(call.key.as_str(), false) {
        Entered::Leads(baton) => Turn::Leads(baton),
        Entered::Joins(joiner) => {
            let wait = call.wait(engine);
            let turn = wait_while_alive(joiner).await;
            if let Turn::Landed(landing) = &turn {
                wait.was_for(landing);
            }
            turn
        }
    };
    match turn {
        Turn::Landed(landing) => Next::after(call, landing),
        Turn::Leads(baton) => lead(engine, call, baton, body).await,
    }
}

async fn lead(engine: &Engine, call: &Call<'_>, baton: Leader, body: &Body<'_>) -> Next {
    if let Some(arrived) = arrived(engine, call).await {
        return land(baton, arrived);
    }
    let begun = engine.tickets.next();
    let first = {
        let arrival = arrival(engine, call, &baton.flight);
        let run = body.run(Use::Shared, Some(BypassReason::WaitedTooLong));
        race(pin!(run), pin!(arrival)).await
    };
    let origin = Origin { begun, fenced: false, load: body.span() };
    let landing = match first {
        First::B(arrived) => return land(baton, arrived),
        First::A(Ended::Value { payload: Some(payload), .. }) => {
            body.landed(LoadOutcome::NotCached);
            Landing::Value { value: Encoded::for_many(payload), origin }
        }
        First::A(Ended::Failed(Some(error))) => Landing::Failed { error, origin },
        First::A(Ended::Value { payload: None, .. }) => {
            body.landed(LoadOutcome::Undecodable);
            Landing::NotShared
        }
        First::A(Ended::Failed(None) | Ended::FailedNotKept) => Landing::NotShared,
    };
    baton.land(landing);
    Next::Serve(Served::Own(RequestResult::Bypassed))
}

/// Waits for a value to arrive in the store, and shows the other callers that the guest is alive.
async fn arrival(engine: &Engine, call: &Call<'_>, flight: &LoadFlight) -> Arrived {
    let mut backoff = Backoff::new();
    loop {
        sleep(backoff.next(false, engine.chance.fraction())).await;
        flight.beat();
        if let Some(arrived) = arrived_meanwhile(engine, call).await {
            return arrived;
        }
    }
}

fn land(baton: Leader, Arrived { begun, value }: Arrived) -> Next {
    let origin = Origin { begun, fenced: false, load: LoadSpan::none() };
    baton.land(Landing::Value { value: value.clone(), origin });
    Next::Serve(Served::Value(value, RequestResult::Waited))
}

/// Waits for a guest. A guest that shows no life for [`STUCK_AFTER`] may be a caller that is not polled
/// any more, so its flight is dismissed, and its joiners read again.
async fn wait_while_alive(mut joiner: Joiner) -> LoadTurn {
    loop {
        let beats = joiner.beats();
        match race(Pin::new(&mut joiner), pin!(sleep(STUCK_AFTER))).await {
            First::A(turn) => return turn,
            First::B(()) if joiner.beats() != beats => {}
            First::B(()) => joiner.flight.dismiss(Landing::ReadAgain),
        }
    }
}
