//! Loading as a guest: without the lease, when its holder has been waited for long enough.
//!
//! A guest's value is not stored, because nothing would void it if the key were invalidated meanwhile.
//! It serves the guest's own caller, and those that called before its load began. There is one guest at
//! a time per key and process, and a value that lands in the store meanwhile wins.

use std::pin::{Pin, pin};

use super::backoff::Backoff;
use super::ending::{Landed, landed, landed_meanwhile};
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended, Use};
use crate::engine::call::{Call, STUCK_AFTER};
use crate::engine::flight::{Entered, Turn};
use crate::engine::outcome::{
    Encoded, GuestFlight, GuestJoiner, GuestLeader, GuestTurn, Origin, Outcome,
};
use crate::engine::parts::Engine;
use crate::race::{First, race};
use crate::time::sleep;

/// Loads as a guest, or waits for the guest that does.
pub(super) async fn load_as_guest(engine: &Engine, call: &Call<'_>, body: &Body) -> Next {
    let turn = match engine.guests.enter(call.key.as_str(), false) {
        Entered::Leads(baton) => Turn::Leads(baton),
        Entered::Joins(joiner) => wait_while_alive(joiner).await,
    };
    match turn {
        Turn::Landed(outcome) => Next::after(call, outcome),
        Turn::Leads(baton) => lead(engine, call, baton, body).await,
    }
}

async fn lead(engine: &Engine, call: &Call<'_>, mut baton: GuestLeader, body: &Body) -> Next {
    if let Some(landed) = landed(engine, call).await {
        return land(baton, landed);
    }
    let begun = engine.tickets.next();
    let ((), flight) = baton.split();
    let first = {
        let landing = landing(engine, call, flight);
        race(pin!(body.run(Use::Shared)), pin!(landing)).await
    };
    let origin = Origin { begun, fenced: false };
    let outcome = match first {
        First::B(landed) => return land(baton, landed),
        First::A(Ended::Value { payload: Some(payload), .. }) => {
            Outcome::value(Encoded::for_many(payload), begun, false)
        }
        First::A(Ended::Failed(Some(error))) => Outcome::Failed { error, origin },
        First::A(Ended::Value { payload: None, .. } | Ended::Failed(None)) => Outcome::NotShared,
    };
    baton.land(outcome);
    Next::Serve(Served::Own)
}

/// Waits for a value to land in the store, and shows the other callers that this one is alive.
async fn landing(engine: &Engine, call: &Call<'_>, flight: &GuestFlight) -> Landed {
    let mut backoff = Backoff::new();
    loop {
        sleep(backoff.next(false, engine.chance.fraction())).await;
        flight.beat();
        if let Some(landed) = landed_meanwhile(engine, call).await {
            return landed;
        }
    }
}

fn land(baton: GuestLeader, Landed { begun, value }: Landed) -> Next {
    baton.land(Outcome::value(value.clone(), begun, false));
    Next::Serve(Served::Value(value))
}

/// Waits for a guest, unless it shows no life: it may be a caller that is not polled any more.
async fn wait_while_alive(mut joiner: GuestJoiner) -> GuestTurn {
    loop {
        let beats = joiner.beats();
        match race(Pin::new(&mut joiner), pin!(sleep(STUCK_AFTER))).await {
            First::A(turn) => return turn,
            First::B(()) if joiner.beats() != beats => {}
            First::B(()) => joiner.flight().dismiss(Outcome::ReadAgain),
        }
    }
}
