//! Loading as a guest: when a call has waited long enough for those who hold the lease and the hedge.
//!
//! There is one guest at a time per key and process, which loads for all callers that have waited long enough
//! and whose calls came before its load began. It asks the store once more who holds the slots, and stores by
//! their tokens ([`Lease::be_guest_of`](crate::lease::Lease::be_guest_of)), so the first body that ends is
//! stored even if both holders hang. While the body runs, the guest looks into the store from time to time,
//! and if a value has arrived there, that is served instead.

use std::pin::{Pin, pin};

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::ending::{Arrived, arrived_meanwhile};
use super::next::Next;
use crate::engine::call::{Attempt, Call, STUCK_AFTER};
use crate::engine::flight::{Entered, Turn};
use crate::engine::landing::{Joiner, Landing, LoadFlight, LoadTurn};
use crate::engine::parts::Engine;
use crate::race::{First, race};
use crate::time::{sleep, sleep_until};

/// Leads the load of a guest, or waits for the guest that does.
pub(super) async fn enter(engine: &Engine, call: &Call<'_>) -> Next {
    let turn = match engine.guests.enter(call.key.as_str(), false) {
        Entered::Leads(baton) => Turn::Leads(baton),
        Entered::Joins(joiner) => {
            let wait = call.wait(engine);
            let turn = wait_while_alive(joiner, call.guest_hangs_after()).await;
            if let Turn::Landed(landing) = &turn {
                wait.was_for(landing);
            }
            turn
        }
    };
    match turn {
        Turn::Landed(landing) => Next::after(call, landing),
        Turn::Leads(baton) => Next::Lead(baton, Attempt::guest()),
    }
}

/// Waits for a value to arrive in the store, and shows the other callers that the guest is alive.
pub(super) async fn arrival(engine: &Engine, call: &Call<'_>, flight: &LoadFlight) -> Arrived {
    let mut backoff = Backoff::new();
    loop {
        sleep(backoff.next(false, engine.chance.fraction())).await;
        flight.beat();
        if let Ok(Some(arrived)) = arrived_meanwhile(engine, call).await {
            return arrived;
        }
    }
}

/// Waits for a guest. A guest that shows no life for [`STUCK_AFTER`] may be a caller that is not polled
/// any more, and one whose body takes longer than `longest` may hang. Its flight is dismissed then, and its joiners read again.
async fn wait_while_alive(mut joiner: Joiner, longest: Duration) -> LoadTurn {
    let end = joiner.since().checked_add(longest);
    loop {
        let progress = joiner.progress();
        let limit = [progress.checked_add(STUCK_AFTER), end].into_iter().flatten().min();
        match race(Pin::new(&mut joiner), pin!(sleep_until(limit))).await {
            First::A(turn) => return turn,
            First::B(()) => {
                let hangs = end.is_some_and(|end| end <= Instant::now());
                if hangs || joiner.progress() == progress {
                    joiner.flight.dismiss(Landing::ReadAgain);
                }
            }
        }
    }
}
