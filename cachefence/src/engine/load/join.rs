//! Joining: waiting for a load as a member of its flight.
//!
//! The wait ends in one of three ways. The flight lands, and the joiner is given the landing if it
//! may have it. The leader is gone, and the joiner takes the baton and leads. Or the joiner's own
//! limit is over: `recompute_timeout` where it holds a stale value, which it then serves, else
//! `wait_for_lock`, after which it loads as a guest. A joiner reads nothing and sends nothing while
//! it waits, so ten thousand of them cost the store no command.

use std::future::Future;
use std::pin::{Pin, pin};

use super::ending::stale;
use super::next::Next;
use crate::engine::call::{Attempt, Call};
use crate::engine::flight::Turn;
use crate::engine::landing::{Joiner, Landing};
use crate::engine::parts::Engine;
use crate::race::{First, race};
use crate::time::sleep_until;

/// Waits for a load as one of its members. No `async fn`, whose future would hold its arguments twice: this is where
/// most callers wait.
pub(super) fn join(
    engine: &Engine,
    call: &Call<'_>,
    mut joiner: Joiner,
    mut attempt: Attempt,
) -> impl Future<Output = Next> {
    async move {
        // The timer lives in a block of its own, so that the steps below do not carry it.
        let turn = {
            let wait = call.wait(engine);
            let limit = sleep_until(call.waits_until(&attempt));
            let turn = race(Pin::new(&mut joiner), pin!(limit)).await;
            if let First::A(Turn::Landed(landing)) = &turn {
                wait.was_for(landing);
            }
            turn
        };
        match turn {
            First::A(Turn::Landed(landing)) => {
                let failed = matches!(landing, Landing::Failed { .. } | Landing::NotShared);
                if failed && call.forgives() {
                    return match attempt.held.take() {
                        Some(held) => held.into(),
                        None => Box::pin(stale_or(engine, call, landing)).await,
                    };
                }
                Next::after(call, landing)
            }
            First::A(Turn::Leads(baton)) => Next::Lead(baton, attempt),
            First::B(()) => {
                if let Some(held) = attempt.held {
                    return held.into();
                }
                // The leader's body may never end. Another process's load may, so later callers are to
                // read before they join.
                joiner.cool();
                Next::Guest
            }
        }
    }
}

/// Serves a stale value instead of the failure that landed, if there is one.
async fn stale_or(engine: &Engine, call: &Call<'_>, landing: Landing) -> Next {
    stale(engine, call).await.map_or_else(|| Next::after(call, landing), Next::from)
}
