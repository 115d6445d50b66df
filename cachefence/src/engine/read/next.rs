//! Waiting for the next read of a key, or sending it for all who wait.

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
use crate::race::{First, race};
use crate::share::Decoded;
use crate::time::{sleep, sleep_until};

/// How long a caller waits for a read that another one sent, where the store does not say how long it
/// takes. Stores bound their reads themselves, but only while they are polled, and a caller that is not
/// polled any more may be the one that sent it.
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
    /// It is the one that sends it.
    Sends(Sender),
    /// It reads without waiting for its turn.
    ForcesStart,
    InVain,
}

/// Joins the next read. Nothing large is held meanwhile, since this is where most callers wait.
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
                    // The leader waits as long for the read before its own, and then reads.
                    let limit = read_limit(engine).saturating_mul(2);
                    let mut limit = sleep_until(since.checked_add(limit));
                    match race(Pin::new(&mut member), Pin::new(&mut limit)).await {
                        First::A(Turn::Landed(Some(read))) => {
                            call.budget.add(read.landed.saturating_duration_since(since));
                            return found(read.entry, read.decoded);
                        }
                        First::A(Turn::Landed(None)) => Waited::InVain,
                        First::A(Turn::Leads(baton)) => Waited::Sends(baton),
                        // It is one slow read after another: this caller waits for no more of them.
                        First::B(()) if stuck => Waited::ForcesStart,
                        First::B(()) => {
                            since = Instant::now();
                            member.flight().dismiss(None);
                            Waited::InVain
                        }
                    }
                }
                // Another key has this slot.
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

/// Sends the next read when the one before is over, `stuck` at once. In a box: a caller that waits does
/// not carry what sending takes.
fn read_for_all<'a>(
    engine: &'a Engine,
    call: &'a Call<'_>,
    baton: Sender,
    (since, stuck): (Instant, bool),
    on_load: OnLoad,
) -> Pin<Box<dyn Future<Output = Found> + Send + 'a>> {
    Box::pin(async move {
        let slots = &engine.reads;
        let slot = baton.flight().home().slot();
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
            // Nobody has to wait twice to learn that the store is unavailable.
            let (entry, decoded) = (Err(Unavailable), Decoded::for_one());
            baton.land(Some(SharedRead { entry, decoded, landed: Instant::now() }));
            return Found::Unavailable;
        };
        // Callers that the last read served may want the key again: they come before this one is sent.
        yield_now().await;
        // The read before may have found nothing, and its caller have begun a load.
        if let Some(joiner) = join_load(&engine.loads, call.key, on_load) {
            baton.land(None);
            return Found::Loading(joiner);
        }
        baton.seal();
        let members = baton.members();
        slots.shared(slot, members);
        // Without time of its own, this call leaves the read to the others.
        let Some((entry, sent)) = send(engine, call, guard).await else {
            return Found::Unavailable;
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

/// The load of `key` that is under way here and that a reader may join unseen.
pub(super) fn join_load(loads: &Arc<Loads>, key: &Key, on_load: OnLoad) -> Option<Joiner> {
    match on_load {
        OnLoad::Join => loads.join_cold(key.as_str()),
        OnLoad::Ignore => None,
    }
}

/// How long a caller waits for a read that another one sent: a little longer than it may take.
fn read_limit(engine: &Engine) -> Duration {
    match engine.store.traits().call_budget {
        Duration::MAX => READ_LIMIT,
        most => most.saturating_add(most / 5),
    }
}
