//! Serving one call that its first read did not serve, step by step.
//!
//! The loop takes the step that the one before has returned. Only reading again could make it
//! endless: a load that a call waits for may be voided each time. So the rounds are counted, and
//! after [`MOST_ROUNDS`] of them the call loads as a guest.

use std::sync::Arc;

use super::decide::decide;
use super::next::{Done, Next, Served};
use super::{guest, join, lead, own};
use crate::engine::body::Body;
use crate::engine::call::{Call, Work};
use crate::engine::landing::Encoded;
use crate::engine::parts::Engine;
use crate::engine::read::shared::read;

/// How often a call reads before it loads as a guest. It reads again where the load that it waited
/// for gave it nothing that it may be served.
const MOST_ROUNDS: u32 = 16;

/// Takes a call from `next` to its end, with its `body`.
///
/// The future of each step but joining is boxed, because it is large, and calls that only wait should not
/// carry it.
pub(crate) fn serve<'a>(
    engine: &'a Engine,
    mut call: Box<Call<'a>>,
    mut next: Next,
    body: Arc<Body<'a>>,
) -> Work<'a, Done<'a>> {
    Box::pin(async move {
        let served = loop {
            let (call, body) = (&mut *call, &*body);
            if call.detaches() && next.leads() {
                break Served::Detach(Box::new(next));
            }
            next = match next {
                Next::Serve(served) => break served,
                Next::Lead(baton, attempt) => {
                    let take = attempt.takes();
                    Box::pin(lead::lead(engine, call, baton, attempt, take, body)).await
                }
                Next::Hedge(hedge) => Box::pin(lead::lead_hedge(engine, call, *hedge, body)).await,
                Next::Join(joiner, attempt) => join::join(engine, call, joiner, attempt).await,
                Next::Guest => {
                    call.rounds = MOST_ROUNDS;
                    Box::pin(guest::enter(engine, call)).await
                }
                Next::Own(pause) => Box::pin(own::run_own(engine, call, body, pause)).await,
                Next::Uncached => Box::pin(own::run_uncached(body)).await,
                Next::Read if call.rounds + 1 >= MOST_ROUNDS => Next::Guest,
                Next::Read => {
                    call.rounds += 1;
                    let found = Box::pin(read(engine, call)).await;
                    let decodes = call.decodes;
                    let mut decodes = |value: &Encoded| decodes(&engine.codec, &value.payload);
                    decide(engine, call, found, &mut decodes)
                }
            };
        };
        (call, served)
    })
}
