//! Joining: waiting for a load as a member of its flight.
//!
//! The wait ends in one of four ways. The flight lands, and the joiner is given the landing if it
//! may have it. The leader is gone, and the joiner takes the baton and leads. The load shows no progress for
//! `wait_for_lock`, and one joiner leads a hedge beside it; the others go on waiting, for either. Or the
//! joiner's own limit is over: `recompute_timeout` where it holds a stale value, which it then serves, else
//! twice `wait_for_lock`, after which it loads as a guest. A joiner reads nothing and sends nothing while
//! it waits, so ten thousand of them cost the store no command.

use std::future::Future;
use std::pin::{Pin, pin};

use tokio::time::Instant;

use super::ending::stale;
use super::next::{Hedge, Next};
use crate::engine::call::{Attempt, Call, STUCK_AFTER};
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
            let mut is_late = false;
            loop {
                // The one who leads a hedge may give up, so the others look again.
                let late = if is_late {
                    Instant::now().checked_add(STUCK_AFTER)
                } else {
                    call.late_at(joiner.progress())
                };
                // The limits are computed anew where they are needed, so that none takes room while the joiner waits.
                let until = call.waits_until(&attempt, Some(joiner.since()));
                let limit = [late, until].into_iter().flatten().min();
                let turn = race(Pin::new(&mut joiner), pin!(sleep_until(limit))).await;
                if let First::A(Turn::Landed(landing)) = &turn {
                    wait.was_for(landing);
                }
                if let First::A(turn) = turn {
                    break Some(turn);
                }
                let until = call.waits_until(&attempt, Some(joiner.since()));
                if until.is_some_and(|until| until <= Instant::now()) {
                    break None;
                }
                is_late = call.is_late(joiner.progress());
                if !is_late {
                    continue;
                }
                let (key, own) = (call.key.as_str(), Some(&joiner.flight));
                let overtaking = engine.loads.overtake(key, own, |since| call.is_late(since));
                if let Some((baton, overtaken)) = overtaking {
                    return Next::Hedge(Box::new(Hedge { baton, overtaken, attempt }));
                }
            }
        };
        match turn {
            Some(Turn::Landed(landing)) => {
                let failed = matches!(landing, Landing::Failed { .. } | Landing::NotShared { .. });
                if failed && call.falls_back() {
                    return match attempt.held.take() {
                        Some(held) => held.into(),
                        None => Box::pin(stale_or(engine, call, landing)).await,
                    };
                }
                Next::after(call, landing)
            }
            Some(Turn::Leads(baton)) => Next::Lead(baton, attempt),
            None => {
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
