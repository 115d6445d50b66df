//! A store that is a map behind a lock. In a database, each step would be one transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cachefence::store::{
    Acquire, Acquired, Held, Holder, Key, Kind, NewValue, Outcome, Revision, Snapshot, Store,
    StoreFuture, StoreResult, Take, Timestamp, Token, Traits,
};
use tokio::time::Instant;

/// Has no bound, and drops an entry whose time is over when its key is asked for. A store for production does more.
pub(crate) struct MapStore {
    epoch: Instant,
    places: Mutex<HashMap<String, Place>>,
    revisions: AtomicU64,
}

/// The entry and the slots of one key, each with the moment at which its time is over.
#[derive(Default)]
struct Place {
    entry: Option<(Snapshot, Timestamp)>,
    /// The tokens of the loads that may replace the entry: of the lease, and of the hedge, which is a second load beside
    /// one that takes too long.
    slots: [Option<(Token, Timestamp)>; 2],
}

impl MapStore {
    pub(crate) fn new() -> Self {
        let (epoch, places, revisions) = (Instant::now(), Mutex::default(), AtomicU64::default());
        Self { epoch, places, revisions }
    }

    /// Runs one step on what there is for `key`. The step is atomic, and sees nothing whose time is over.
    fn step<T>(&self, key: &Key, step: impl FnOnce(&mut Place, Timestamp) -> T) -> T {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::from_micros(0).after(self.epoch.elapsed()); // the store's one clock
        let place = places.entry(key.as_str().to_owned()).or_default();
        place.entry.take_if(|(_, until)| *until <= now);
        for slot in &mut place.slots {
            slot.take_if(|(_, until)| *until <= now);
        }
        let done = step(place, now);
        if matches!(place, Place { entry: None, slots: [None, None] }) {
            places.remove(key.as_str());
        }
        done
    }
}

impl Store for MapStore {
    /// Says that the futures are ready at once. A store that does I/O leaves this out, and puts each step into
    /// `StoreFuture::new(async move { .. })`.
    fn traits(&self) -> Traits {
        let mut traits = Traits::default();
        traits.answers_at_once = true;
        traits
    }

    fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        StoreFuture::ready(Ok(self.step(key, |place, now| place.read(now))))
    }

    fn acquire<'a>(&'a self, key: &'a Key, request: &'a Acquire<'a>) -> StoreResult<'a, Acquired> {
        let acquired = self.step(key, |place, now| {
            if request.take != Take::Force
                && let Some(found) = place.read(now)
                && Some(found.revision) != request.seen
            {
                return Acquired::Newer(found); // somebody has loaded the key since the caller looked
            }
            let slot = Some((request.token, now.after(request.lease)));
            match (request.take, place.slots) {
                (Take::Force, _) => place.slots = [slot, None],
                (Take::IfFree, [None, None]) | (Take::Beside, [None, _]) => place.slots[0] = slot,
                (Take::Beside, [Some(_), None]) => place.slots[1] = slot,
                (_, slots) => {
                    let holder = |(token, until): (Token, Timestamp)| {
                        Holder::new(token, until.since(now).unwrap_or_default())
                    };
                    let [lease, hedge] = slots.map(|slot| slot.map(holder));
                    return Acquired::Held(Held::new(lease, hedge));
                }
            }
            Acquired::Lease
        });
        StoreFuture::ready(Ok(acquired))
    }

    fn renew<'a>(&'a self, key: &'a Key, token: Token, lease: Duration) -> StoreResult<'a, bool> {
        let renewed = self.step(key, |place, now| {
            let slot = place.slots.iter_mut().flatten().find(|(holder, _)| *holder == token);
            slot.map(|(_, until)| *until = now.after(lease)).is_some()
        });
        StoreFuture::ready(Ok(renewed))
    }

    fn finish<'a>(
        &'a self,
        key: &'a Key,
        tokens: &'a [Token],
        outcome: &'a Outcome,
    ) -> StoreResult<'a, bool> {
        let revision = Revision(self.revisions.fetch_add(1, Ordering::Relaxed));
        let is_ours = |(token, _): &mut (Token, Timestamp)| tokens.contains(token);
        let finished = self.step(key, |place, now| {
            if !place.slots.iter_mut().flatten().any(is_ours) {
                return false; // the fence: a load that lost its slot changes nothing
            }
            match outcome {
                Outcome::Store(value) => place.write(value, Kind::Value, revision, now),
                Outcome::Uncacheable(ttl) if !place.is_valid(now) => {
                    place.write(&NewValue::new("", *ttl), Kind::Uncacheable, revision, now);
                }
                Outcome::Uncacheable(pause) | Outcome::Postpone(pause) => {
                    place.hold_off(*pause, revision, now);
                }
                _ => {} // a release
            }
            let is_final = matches!(outcome, Outcome::Store(_) | Outcome::Uncacheable(_));
            for slot in &mut place.slots {
                slot.take_if(|slot| is_final || is_ours(slot));
            }
            true
        });
        StoreFuture::ready(Ok(finished))
    }

    fn invalidate<'a>(&'a self, keys: &'a [Key]) -> StoreResult<'a, ()> {
        for key in keys {
            self.step(key, |place, _| *place = Place::default());
        }
        StoreFuture::ready(Ok(()))
    }
}

impl Place {
    fn read(&self, now: Timestamp) -> Option<Snapshot> {
        let (mut found, _) = self.entry.clone()?;
        found.now = now;
        Some(found)
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        let entry = self.entry.as_ref();
        entry.is_some_and(|(found, _)| found.kind == Kind::Value && found.expiry > now)
    }

    fn write(&mut self, value: &NewValue, kind: Kind, revision: Revision, now: Timestamp) {
        let mut entry = Snapshot::new(value.clone(), revision, now, now);
        entry.kind = kind;
        let until = entry.expiry.after(value.stale);
        self.entry = Some((entry, until));
    }

    /// Keeps the entry from being loaded anew for `pause`.
    fn hold_off(&mut self, pause: Duration, revision: Revision, now: Timestamp) {
        if let Some((entry, _)) = &mut self.entry {
            (entry.retry_at, entry.revision) = (Some(now.after(pause)), revision);
        }
    }
}
