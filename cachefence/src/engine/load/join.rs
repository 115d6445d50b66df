//! Waiting for a load, and what comes of it.

use std::pin::{Pin, pin};

use super::ending::stale;
use super::next::{Next, Served};
use crate::engine::call::{Attempt, Call};
use crate::engine::flight::Turn;
use crate::engine::landing::{Joiner, Landing};
use crate::engine::parts::Engine;
use crate::race::{First, race};
use crate::time::sleep_until;

/// Waits for a load as one of its members.
pub(super) async fn join(
    engine: &Engine,
    call: &Call<'_>,
    mut joiner: Joiner,
    mut attempt: Attempt,
) -> Next {
    // In a block of its own, so that the timer ends with it.
    let turn = {
        let limit = sleep_until(call.waits_until(&attempt));
        race(Pin::new(&mut joiner), pin!(limit)).await
    };
    match turn {
        First::A(Turn::Landed(landing)) => {
            let failed = matches!(landing, Landing::Failed { .. } | Landing::NotShared);
            if failed && call.forgives() {
                let stale = match attempt.held.take() {
                    Some(held) => Some(held),
                    None => Box::pin(stale(engine, call)).await,
                };
                if let Some(stale) = stale {
                    return Next::Serve(Served::Value(stale));
                }
            }
            Next::after(call, landing)
        }
        First::A(Turn::Leads(baton)) => Next::Lead(baton, attempt),
        First::B(()) => {
            if let Some(held) = attempt.held {
                return Next::Serve(Served::Value(held));
            }
            // The leader may never end. Another process may, so it is worth reading again.
            joiner.cool();
            Next::Guest
        }
    }
}
