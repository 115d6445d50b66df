//! Running the body for one call only, where what a load came to could not be shared.

use super::next::{Next, Served};
use crate::engine::body::{Body, Use};
use crate::engine::call::Call;
use crate::engine::load::ending::arrived;
use crate::engine::parts::Engine;

/// Runs the body, unless somebody else's value has arrived meanwhile.
pub(super) async fn run_own(engine: &Engine, call: &Call<'_>, body: &Body) -> Next {
    let limiter = engine.own_bodies.of(call.key.as_str());
    let _permit = limiter.permit(call.stuck_after()).await;
    if let Some(arrived) = arrived(engine, call).await {
        return Next::Serve(Served::Value(arrived.value));
    }
    body.run(Use::Own).await;
    Next::Serve(Served::Own)
}
