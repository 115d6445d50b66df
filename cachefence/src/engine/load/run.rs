//! Running the body for a flight, under the lease if there is one.
//!
//! The lease is renewed while the body runs: in the same task where the body runs in its caller, so a leader
//! that is not polled loses it, and else in another ([`detached`](super::detached)).
//! When the body has ended, the flight is sealed before anything is stored, and
//! [`ending`](super::ending) does the rest. A lease that is lost does not stop the body: its value may
//! be older than what the joiners know, so they start again at once, and the value goes to the leader's
//! own caller. If the lease was lost because another load has stored its value, that is served instead.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::detached::Renewal;
use super::ending::{Arrived, arrived_meanwhile, end_without_value, stale, store};
use super::guest::arrival;
use super::next::{Next, Served};
use crate::engine::body::{Body, Ended};
use crate::engine::call::{Attempt, Call, Held, Purpose, STUCK_AFTER};
use crate::engine::landing::{Landing, Leader, LoadFlight, Origin};
use crate::engine::parts::Engine;
use crate::key::Key;
use crate::observe::{BypassReason, LoadOutcome, LoadSpan, PANICKED, RequestResult};
use crate::race::{First, beside, race};
use crate::store::Outcome;
use crate::time::{sleep, sleep_until};

/// How the run of a body ended, for the call that ran it.
enum Ran {
    Ended(Ended),
    /// Another load has stored a value meanwhile.
    Arrived(Arrived),
    /// The body takes longer than the call waits, which holds a value.
    TakesTooLong,
}

/// Runs the body and shares its result. Without a lease, there is a reason to `bypass` it. A call that holds a value waits for the body no longer than
/// `recompute_timeout`, and serves that value if the body fails and there is a stale window.
pub(super) async fn run(
    engine: &Engine,
    call: &Call<'_>,
    mut baton: Leader,
    bypass: Option<BypassReason>,
    attempt: Attempt,
    body: &Body<'_>,
) -> Next {
    let Attempt { held, purpose, foreign, .. } = attempt;
    let begun = engine.tickets.next();
    let started = Instant::now();
    // A task's caller has its own limit.
    let limit = held.as_ref().filter(|_| call.task().is_none());
    let limit = limit.and_then(|_| call.soft_limit(started));
    let ran = {
        let flight = call.task().is_none().then(|| Arc::clone(&baton.flight));
        let mut in_caller = InCaller { engine, key: call.key, flight };
        let run = pin!(run_renewed(engine, call, &mut baton, bypass, purpose, body));
        let ran = race(run, pin!(sleep_until(limit))).await;
        in_caller.flight = None;
        match ran {
            First::A(ran) => ran,
            First::B(()) => Ran::TakesTooLong,
        }
    };
    let took = started.elapsed();
    // The flight is sealed before the value is stored. A caller that joined now would be given what was
    // read before it came, and the store may accept that value although the caller knows of a later
    // change.
    baton.seal();
    let left = call.left(&*engine.store);
    let own = match bypass {
        None => RequestResult::Loaded,
        Some(_) => RequestResult::Bypassed,
    };
    // Those who have waited for a load of another process, and now for this one, do not wait again.
    let waited_before = purpose == Purpose::AtOnce(BypassReason::NotShared);
    let pause = if waited_before { Duration::ZERO } else { took };
    let ended = match ran {
        Ran::Ended(ended) => ended,
        Ran::Arrived(Arrived { begun, value }) => {
            let origin = Origin { begun, is_load: false, fenced: false, load: LoadSpan::none() };
            baton.land(Landing::Value { value: value.clone(), origin });
            return Next::Serve(Served::Value(value, RequestResult::Waited));
        }
        Ran::TakesTooLong => {
            // Calls that may serve a stale value find its entry marked, and serve it.
            let outcome = Outcome::Postpone(call.policy.retry_after);
            end_without_value(baton, outcome, left, |_| Landing::ReadAgain).await;
            engine.observers.swallowed_error(call.key, "it took longer than `recompute_timeout`");
            // Without a held value there is no limit to reach.
            return held.map_or(Next::Read, Next::from);
        }
    };
    let panicked = matches!(ended, Ended::Panicked(_));
    let error = match ended {
        Ended::Value { value, ttl } => {
            let origin = Origin { begun, is_load: true, fenced: false, load: body.span() };
            let outcome = store(engine, call, baton, (origin, took), (value, ttl), foreign).await;
            body.landed(outcome);
            return Next::Serve(Served::Own(own));
        }
        Ended::Unstorable(value) => {
            let load = body.span();
            let landing = move |fenced| match value {
                Some(value) => {
                    Landing::Value { value, origin: Origin { begun, is_load: true, fenced, load } }
                }
                None => Landing::NotShared { pause },
            };
            end_without_value(baton, Outcome::Release, left, landing).await;
            body.landed(LoadOutcome::Undecodable);
            return Next::Serve(Served::Own(own));
        }
        Ended::FailedNotKept => {
            // Dropped, which ends the load in a task.
            let landing = move |_| Landing::NotShared { pause };
            drop(end_without_value(baton, call.failed(), left, landing));
            let held = held.filter(|_| call.falls_back());
            return held.map_or(Next::Serve(Served::Own(own)), Next::from);
        }
        Ended::Failed(error) => error,
        Ended::Panicked(_) => None,
    };
    let sent = Instant::now();
    let load = body.span();
    let landing = move |fenced| match error {
        Some(error) => {
            let origin = Origin { begun, is_load: true, fenced, load };
            Landing::Failed { error, origin }
        }
        None => Landing::NotShared { pause },
    };
    end_without_value(baton, call.failed(), left, landing).await;
    call.budget.add_since(sent);
    match instead(engine, call, held).await {
        Some(held) => {
            if panicked {
                engine.observers.swallowed_error(call.key, PANICKED);
            }
            held.into()
        }
        None => Next::Serve(Served::Own(own)),
    }
}

/// What a call whose body failed is served instead of the failure, if it has a stale window.
async fn instead(engine: &Engine, call: &Call<'_>, held: Option<Box<Held>>) -> Option<Box<Held>> {
    match held {
        // The caller of a task has its own value to serve.
        _ if !call.falls_back() || call.task().is_some() => None,
        None => stale(engine, call).await,
        held => held,
    }
}

/// Runs the body, and renews the lease meanwhile. If there is no lease, because the store cannot be
/// asked, the body needs a permit.
async fn run_renewed(
    engine: &Engine,
    call: &Call<'_>,
    baton: &mut Leader,
    bypass: Option<BypassReason>,
    purpose: Purpose,
    body: &Body<'_>,
) -> Ran {
    let flight = &baton.flight;
    let without_store = bypass.is_some_and(BypassReason::is_of_store);
    let permit = async {
        if !without_store {
            return None;
        }
        engine.bypass.permit(call.policy.wait_for_lock).await
    };
    if without_store {
        // Without a store there is no hedge, so a second body would be one too many.
        flight.stay_alone();
    }
    // A leader that waits for its turn is alive, and another one would only wait behind it.
    let _permit = beside(pin!(permit), pin!(beat(flight))).await;
    flight.beat();
    let longest = call.policy.load_timeout;
    let holding = baton.cargo.as_ref().and_then(|lease| lease.held());
    let mut renewal = None;
    if let Some(task) = call.task() {
        if let Some(holding) = &holding {
            renewal = Some(Renewal::start(task, holding, longest).await);
        }
        task.note_begun(if bypass.is_none() {
            RequestResult::Loaded
        } else {
            RequestResult::Bypassed
        });
    }
    let is_guest = purpose == Purpose::AtOnce(BypassReason::WaitedTooLong);
    let seen_by_guest = async {
        match is_guest {
            true if call.is_forced() => {
                // Nothing that others load is for this call, but those who wait for it see that it is alive.
                beat(flight).await;
                pending().await
            }
            true => arrival(engine, call, flight).await,
            false => pending().await,
        }
    };
    let kept = async {
        if let Some(holding) = holding {
            match &mut renewal {
                None => holding.keep(longest, || true).await,
                Some(renewal) => renewal.ended().await,
            }
            call.task().inspect(|task| task.note_void());
            // The lease is lost, so the value is for the leader's own caller only, and the joiners need not
            // wait for it.
            flight.dismiss(Landing::ReadAgain);
            if !call.is_forced()
                && let Ok(Some(arrived)) = arrived_meanwhile(engine, call).await
            {
                return arrived;
            }
        }
        pending().await
    };
    let (kept, seen) = (pin!(kept), pin!(seen_by_guest));
    let meanwhile = pin!(race(kept, seen));
    let ran = match race(pin!(body.run(bypass, Some(Arc::clone(flight)))), meanwhile).await {
        First::A(ended) => Ran::Ended(ended),
        First::B(First::A(arrived) | First::B(arrived)) => Ran::Arrived(arrived),
    };
    call.task().inspect(|task| task.note_body_ended());
    ran
}

/// Shows those who wait for the flight that its leader is alive.
async fn beat(flight: &LoadFlight) {
    loop {
        flight.beat();
        sleep(STUCK_AFTER / 2).await;
    }
}

/// A body that runs in its caller. Dropped before the body has ended, it tells if others waited for it.
struct InCaller<'a> {
    engine: &'a Engine,
    key: &'a Key,
    /// `None` once the body has ended, and where it runs in a task.
    flight: Option<Arc<LoadFlight>>,
}

impl Drop for InCaller<'_> {
    fn drop(&mut self) {
        if self.flight.as_ref().is_some_and(|flight| flight.is_awaited()) {
            self.engine.observers.load_dropped(self.key);
        }
    }
}
