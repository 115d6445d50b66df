//! Waiting for the next read of a key, or sending it for all callers that wait.
//!
//! The next read is a flight; [`slots`](super::slots) says why. Its leader waits until the read under
//! way is over, seals the flight, and reads for itself and all its members. Before it reads it looks
//! for a load of the key that has begun meanwhile: joining that makes the read unnecessary.
//!
//! Every wait here has an end. A store bounds its reads itself, but only while they are polled, and the
//! caller that sent a read may not be polled any more. So a wait that takes longer than a read may take
//! counts as stuck: the flight is dismissed, and its callers read again without waiting for their turn.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::found::{Found, SharedRead, Unavailable, found};
use super::send::{read_alone, send};
use super::slots::At;
use crate::engine::call::Call;
use crate::engine::flight::{Baton, Entered, Turn};
use crate::engine::landing::{Joiner, Loads};
use crate::engine::parts::Engine;
use crate::key::Key;
use crate::observe::BypassReason;
use crate::race::{First, race};
use crate::share::Decoded;
use crate::store::Health;
use crate::time::{sleep, sleep_until};

/// How long a caller waits for a read that another caller sent, where the store does not say how long a
/// call may wait for it.
const READ_LIMIT: Duration = Duration::from_millis(300);

type Sender = Baton<Option<SharedRead>, (), At<Option<SharedRead>>>;

/// What a reader does about a load that is under way here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnLoad {
    Join,
    Ignore,
}

/// What became of a caller that waited for the next read.
enum Waited {
    /// The caller sends the next read.
    Sends(Sender),
    /// The caller reads without waiting for its turn.
    ForcesStart,
    InVain,
}

/// Joins the next read of a key. The future holds nothing large while it waits, because this is where
/// most callers wait.
pub(super) fn read_next(
    engine: &Engine,
    call: &Call<'_>,
    slot: u64,
    on_load: OnLoad,
) -> impl Future<Output = Found> {
    async move {
        let slots = &engine.reads;
        let (mut since, mut stuck) = (Instant::now(), false);
        loop {
            let waited = match slots.enter_next(slot, call.key.as_str()) {
                Some(Entered::Leads(baton)) => Waited::Sends(baton),
                Some(Entered::Joins(mut member)) => {
                    // Twice the limit of one read: the leader waits for the read before its own, and
                    // then reads.
                    let limit = read_limit(engine).saturating_mul(2);
                    let mut limit = sleep_until(since.checked_add(limit));
                    match race(Pin::new(&mut member), Pin::new(&mut limit)).await {
                        First::A(Turn::Landed(Some(read))) => {
                            call.budget.add(read.landed.saturating_duration_since(since));
                            return found(read.entry, read.decoded);
                        }
                        First::A(Turn::Landed(None)) => Waited::InVain,
                        First::A(Turn::Leads(baton)) => Waited::Sends(baton),
                        // This caller has waited in vain before, so it waits for no further read.
                        First::B(()) if stuck => Waited::ForcesStart,
                        First::B(()) => {
                            since = Instant::now();
                            member.flight.dismiss(None);
                            Waited::InVain
                        }
                    }
                }
                // The slot's next read is of another key, which has the same hash.
                None => Waited::ForcesStart,
            };
            match waited {
                Waited::Sends(baton) => {
                    return read_for_all(engine, call, baton, (since, stuck), on_load).await;
                }
                Waited::ForcesStart => {
                    let guard = slots.force_start(slot);
                    let (found, sent) = Box::pin(read_alone(engine, call, guard)).await;
                    if let Some(sent) = sent {
                        call.budget.add_since(sent);
                    }
                    return found;
                }
                Waited::InVain => {}
            }
            if let Some(joiner) = join_load(&engine.loads, call.key, on_load) {
                call.budget.add_since(since);
                return Found::Loading(joiner);
            }
            // The sender was not polled; that is not the store's delay, so it is not charged to the
            // budget.
            (since, stuck) = (Instant::now(), true);
        }
    }
}

/// Sends the next read when the read before it is over or, if that is `stuck`, at once. The future is
/// boxed, so that a caller that only waits does not carry what sending needs.
fn read_for_all<'a>(
    engine: &'a Engine,
    call: &'a Call<'_>,
    baton: Sender,
    (since, stuck): (Instant, bool),
    on_load: OnLoad,
) -> Pin<Box<dyn Future<Output = Found> + Send + 'a>> {
    Box::pin(async move {
        let slots = &engine.reads;
        let slot = baton.flight.home.slot;
        let guard = if stuck {
            Some(slots.force_start(slot))
        } else {
            let turn = pin!(slots.turn(slot));
            match race(turn, pin!(sleep(read_limit(engine)))).await {
                First::A(guard) => {
                    call.budget.add_since(since);
                    guard
                }
                First::B(()) => Some(slots.force_start(slot)),
            }
        };
        let Some(guard) = guard else {
            // The read before has found the store unavailable, and its waiters need not wait once more
            // to learn that.
            let is_down = engine.store.status().health == Health::Down;
            let reason = if is_down { BypassReason::StoreDown } else { BypassReason::StoreFailed };
            let (entry, decoded) = (Err(Unavailable(reason)), Decoded::for_one());
            baton.land(Some(SharedRead { entry, decoded, landed: Instant::now() }));
            return Found::Unavailable(reason);
        };
        // Callers that the last read served may want the key again. This lets them join before the read
        // is sent.
        yield_now().await;
        // The read before may have found nothing, and its caller may have begun a load.
        if let Some(joiner) = join_load(&engine.loads, call.key, on_load) {
            baton.land(None);
            return Found::Loading(joiner);
        }
        baton.seal();
        let members = baton.members();
        slots.shared(slot, members);
        // If this call has no budget left, its baton is dropped here, and a member sends the read.
        let Some((entry, sent)) = send(engine, call, guard).await else {
            return Found::Unavailable(BypassReason::StoreSlow);
        };
        let landed = Instant::now();
        if let Some(sent) = sent {
            call.budget.add(landed.saturating_duration_since(sent));
        }
        let decoded = if members > 0 { Decoded::for_many() } else { Decoded::for_one() };
        baton.land(Some(SharedRead { entry: entry.clone(), decoded: decoded.clone(), landed }));
        found(entry, decoded)
    })
}

/// The cold load of `key` that is under way here, which a reader may join instead of reading.
pub(super) fn join_load(loads: &Arc<Loads>, key: &Key, on_load: OnLoad) -> Option<Joiner> {
    match on_load {
        OnLoad::Join => loads.join_cold(key.as_str()),
        OnLoad::Ignore => None,
    }
}

/// How long a caller waits for a read that another caller sent: a little longer than a read may take.
fn read_limit(engine: &Engine) -> Duration {
    let longer = |budget: Duration| budget.saturating_add(budget / 5);
    engine.store.traits().call_budget.map_or(READ_LIMIT, longer)
}
