//! Running the body for one call only, because the result of a load could not be shared.
//!
//! A load cannot be shared if it ended in an error that cannot be shared, or in a value that cannot
//! be encoded. Each caller that waited for it then runs its own body, a few at a time per key. The
//! result is neither stored nor given to anybody else.

use super::next::{Next, Served};
use crate::engine::body::{Body, Use};
use crate::engine::call::Call;
use crate::engine::load::ending::arrived;
use crate::engine::parts::Engine;
use crate::observe::{BypassReason, LoadOutcome, RequestResult};

/// Runs the body, unless a value has arrived in the store while the call waited for its turn.
pub(super) async fn run_own(engine: &Engine, call: &Call<'_>, body: &Body<'_>) -> Next {
    let limiter = engine.own_bodies.of(call.key.as_str());
    let _permit = limiter.permit(call.stuck_after()).await;
    if let Some(arrived) = arrived(engine, call).await {
        return Next::Serve(Served::Value(arrived.value, RequestResult::Waited));
    }
    body.run(Use::Own, Some(BypassReason::NotShared)).await;
    body.landed(LoadOutcome::NotCached);
    Next::Serve(Served::Own(RequestResult::Bypassed))
}
