//! Reading the store, once for many callers.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::flight::{Baton, Entered, Turn};
use super::habits::Cost;
use super::runway::Aloft;
use super::ticket::Ticket;
use super::{Call, Engine, Joiner};
use crate::error::StoreError;
use crate::key::Key;
use crate::race::{First, race};
use crate::report;
use crate::share::Decoded;
use crate::store::{Snapshot, StoreFuture, StoreResult};
use crate::time::{sleep, sleep_until};

/// How long a caller waits for a read that another one sent, where the store does not say how long it
/// takes. Stores bound their reads themselves, but only while they are polled, and a caller that is not
/// polled any more may be the one who sent it.
const READ_PATIENCE: Duration = Duration::from_millis(300);

/// The payload up to which a read costs about as much as waiting for another one, in bytes.
const CHEAP: usize = 2 * 1024;

/// What a caller finds at first sight.
pub(super) enum Look {
    /// Also when it was asked for, where that is not yet in what the call has spent: a hit has no use for
    /// that.
    Found(Snapshot, Decoded, Option<Instant>),
    Nothing,
    /// The store cannot be read.
    Unavailable,
    /// A rebuild is under way here, so there was no need to read.
    Underway(Joiner),
}

/// What a read comes to, and when it had; `None` if there was none, and each has to start again.
pub(super) type Reading = Option<(Read, Decoded, Instant)>;

type Read = Result<Option<Snapshot>, Unavailable>;

/// What became of a caller that waited for the next read.
enum Boarded {
    /// It is to send it.
    Sends(Baton<Reading, ()>),
    /// It reads for itself.
    Overtakes,
    InVain,
}

/// The store cannot be read, which has been reported.
#[derive(Clone)]
pub(super) struct Unavailable;

/// What a caller makes of a rebuild that is under way here when it comes to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rebuilds {
    Join,
    Ignore,
}

impl Engine {
    /// Looks into a store that answers at once: there is nobody to share with.
    pub(super) fn look_at_once(&self, key: &Key) -> Option<Look> {
        if !self.answers_at_once {
            return None;
        }
        self.read(key).now().ok().map(|result| found(judged(key, result), Decoded::for_one()))
    }

    /// Looks into the store, or finds that a rebuild is under way here.
    pub(super) async fn look(&self, call: &mut Call<'_>) -> Look {
        if let Some(look) = self.look_at_once(call.key) {
            return look;
        }
        call.ticket.get_or_insert_with(|| self.tickets.next());
        if let Some(member) = self.rebuilds.join_cold(call.key.as_str()) {
            return Look::Underway(member);
        }
        self.read_together(call, Rebuilds::Join).await
    }

    /// What is in the store, also where a rebuild is under way.
    pub(super) async fn look_past_rebuilds(&self, call: &Call<'_>) -> Option<Snapshot> {
        match self.read_together(call, Rebuilds::Ignore).await {
            Look::Found(entry, _, asked) => {
                call.spent.add_since(asked);
                Some(entry)
            }
            Look::Nothing | Look::Unavailable | Look::Underway(_) => None,
        }
    }

    /// Reads the entry, unless an invalidation of it is still owed to the store.
    pub(super) fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        if self.owed.has(key) {
            self.owed.pay();
            let message = "an invalidation of the entry has not reached the store yet";
            return StoreFuture::ready(Err(StoreError::unsaid(message)));
        }
        self.store.read(key)
    }

    /// Shares one read among the callers that came before it was sent.
    async fn read_together(&self, call: &Call<'_>, rebuilds: Rebuilds) -> Look {
        let Some(aloft) = self.runway.take_off(self.way(call)) else {
            return self.read_next(call, rebuilds).await;
        };
        found_alone(call, self.read_aloft(call, aloft).await)
    }

    /// Reads for those who wait already. A read that is under way may have passed an invalidation that
    /// a caller knows of, so nobody who comes meanwhile may have what it finds. `None` if this call has
    /// no time left for it, which says nothing of the store. Also gives when it was asked for, where that
    /// is not yet in what the call has spent.
    fn read_aloft(
        &self,
        call: &Call<'_>,
        aloft: Aloft<'_>,
    ) -> impl Future<Output = Option<(Read, Option<Instant>)>> {
        async move {
            let (result, asked) = if call.spent.get().is_zero() {
                let asked = Instant::now();
                // The store itself allows for no more.
                (self.read(call.key).await, Some(asked))
            } else {
                (Box::pin(self.in_time(call, self.read(call.key))).await?, None)
            };
            aloft.land(cost(&result));
            Some((judged(call.key, result), asked))
        }
    }

    /// Waits for the next read, or sends it. Nothing large is held meanwhile: so many wait here.
    fn read_next(&self, call: &Call<'_>, rebuilds: Rebuilds) -> impl Future<Output = Look> {
        async move {
            let (mut since, mut stuck) = (Instant::now(), false);
            loop {
                let mut member = match self.boarding.enter(call.key.as_str(), false) {
                    Entered::Leads(baton) => {
                        return self.read_for_all(call, baton, since, stuck, rebuilds).await;
                    }
                    Entered::Joins(member) => member,
                };
                // Who is to send it waits as long for the one before, and then reads.
                let patience = self.read_patience().saturating_mul(2);
                let mut patience = sleep_until(since.checked_add(patience));
                let boarded = match race(Pin::new(&mut member), Pin::new(&mut patience)).await {
                    First::A(Turn::Landed(Some((read, decoded, landed)))) => {
                        call.spent.add(landed.saturating_duration_since(since));
                        return found(read, decoded);
                    }
                    First::A(Turn::Landed(None)) => Boarded::InVain,
                    First::A(Turn::Leads(baton)) => Boarded::Sends(baton),
                    // It is one slow read after another: no more of them.
                    First::B(()) if stuck => Boarded::Overtakes,
                    First::B(()) => {
                        since = Instant::now();
                        member.dismiss(None);
                        Boarded::InVain
                    }
                };
                drop((member, patience));
                match boarded {
                    Boarded::Sends(baton) => {
                        return self.read_for_all(call, baton, since, stuck, rebuilds).await;
                    }
                    Boarded::Overtakes => {
                        let aloft = self.runway.overtake(self.way(call));
                        return found_alone(call, Box::pin(self.read_aloft(call, aloft)).await);
                    }
                    Boarded::InVain => {}
                }
                if let Some(member) = self.join_under_way(call.key.as_str(), rebuilds) {
                    call.spent.add(since.elapsed());
                    return Look::Underway(member);
                }
                // That somebody is not polled says nothing of the store.
                (since, stuck) = (Instant::now(), true);
            }
        }
    }

    /// Sends the next read when the one before has come back, `stuck` at once. In a box: whoever is alone
    /// with a key, or waits, does not carry what that takes.
    fn read_for_all<'a>(
        &'a self,
        call: &'a Call<'_>,
        baton: Baton<Reading, ()>,
        since: Instant,
        stuck: bool,
        rebuilds: Rebuilds,
    ) -> Pin<Box<impl Future<Output = Look>>> {
        Box::pin(async move {
            let way = self.way(call);
            let aloft = if stuck {
                Some(self.runway.overtake(way))
            } else {
                let clear = pin!(self.runway.clear(way));
                match race(clear, pin!(sleep(self.read_patience()))).await {
                    First::A(aloft) => {
                        call.spent.add(since.elapsed());
                        aloft
                    }
                    First::B(()) => Some(self.runway.overtake(way)),
                }
            };
            let Some(aloft) = aloft else {
                // That the store is in trouble is not to be waited for twice.
                baton.land(Some((Err(Unavailable), Decoded::for_one(), Instant::now())));
                return Look::Unavailable;
            };
            // Those whom the last read served may want it again: they come before this one is sent.
            yield_now().await;
            if let Some(member) = self.join_under_way(call.key.as_str(), rebuilds) {
                baton.land(None);
                return Look::Underway(member);
            }
            baton.seal();
            let members = baton.members();
            self.runway.note(way, members);
            // Without time of its own, it leaves the read to the others.
            let Some((read, asked)) = self.read_aloft(call, aloft).await else {
                return Look::Unavailable;
            };
            let landed = Instant::now();
            call.spent
                .add(asked.map_or(Duration::ZERO, |asked| landed.saturating_duration_since(asked)));
            let decoded = if members > 0 { Decoded::for_many() } else { Decoded::for_one() };
            baton.land(Some((read.clone(), decoded.clone(), landed)));
            found(read, decoded)
        })
    }

    /// The read that was waited for may have found nothing.
    fn join_under_way(&self, key: &str, rebuilds: Rebuilds) -> Option<Joiner> {
        if rebuilds == Rebuilds::Ignore { None } else { self.rebuilds.join_cold(key) }
    }

    /// What the key of `call` is called on the runway.
    fn way(&self, call: &Call<'_>) -> u64 {
        self.runway.of(call.key.as_str())
    }

    /// How long a caller waits for a read that another one sent: a little longer than it may take.
    fn read_patience(&self) -> Duration {
        match self.store().traits().call_budget {
            Duration::MAX => READ_PATIENCE,
            most => most.saturating_add(most / 5),
        }
    }

    /// An entry that can be served, read after this was called, with its value. Nothing, if the store
    /// has none or cannot be read in what is left of the call's time for it.
    pub(super) async fn landed<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Option<(Ticket, Snapshot, T)> {
        self.in_time(call, self.landed_meanwhile(call)).await.flatten()
    }

    /// As [`landed`](Self::landed), where nobody waits for the store.
    pub(super) async fn landed_meanwhile<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Option<(Ticket, Snapshot, T)> {
        let begun = self.tickets.next();
        let found = self.read(call.key).await.ok().flatten()?;
        self.servable(call, &found).map(|value| (begun, found, value))
    }
}

/// What a read says of the next one.
fn cost(result: &Result<Option<Snapshot>, StoreError>) -> Cost {
    match result {
        Ok(Some(found)) if found.payload.len() <= CHEAP => Cost::Cheap,
        Ok(_) => Cost::Dear,
        Err(_) => Cost::Trouble,
    }
}

/// Reports why a read failed.
fn judged(key: &Key, result: Result<Option<Snapshot>, StoreError>) -> Read {
    result.map_err(|error| {
        report::store_failed("read", key, &error);
        Unavailable
    })
}

/// What a call finds that has read for itself.
fn found_alone(call: &Call<'_>, read: Option<(Read, Option<Instant>)>) -> Look {
    match read {
        Some((Ok(Some(snapshot)), asked)) => Look::Found(snapshot, Decoded::for_one(), asked),
        Some((read, asked)) => {
            call.spent.add_since(asked);
            found(read, Decoded::for_one())
        }
        None => Look::Unavailable,
    }
}

fn found(read: Read, decoded: Decoded) -> Look {
    match read {
        Ok(Some(snapshot)) => Look::Found(snapshot, decoded, None),
        Ok(None) => Look::Nothing,
        Err(Unavailable) => Look::Unavailable,
    }
}
