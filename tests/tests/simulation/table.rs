//! What the store holds: `acquire.lua`, `renew.lua`, `finish.lua` and the plain commands, over maps.
//!
//! It is written from the scripts and shares nothing with the crate's own memory store, so that a
//! mistake would have to be made twice. As in Redis, what has outlived its time is not there.

use std::collections::HashMap;
use std::time::Duration;

use crate::wire::{Found, Holder, Op, Outcome, Reply, Request, Take, Written};

#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashMap<String, Entry>,
    leases: HashMap<String, Slot>,
    hedges: HashMap<String, Slot>,
    revisions: u64,
}

#[derive(Debug)]
struct Entry {
    /// Nothing in a mark.
    value: Option<Written>,
    written: u64,
    life: Duration,
    /// When it is not there any more.
    until: u64,
    retry_at: Option<u64>,
    revision: u64,
}

#[derive(Debug)]
struct Slot {
    token: String,
    until: u64,
}

impl Table {
    /// Does what `request` asks for at `now`, in microseconds.
    pub(crate) fn execute(&mut self, now: u64, request: &Request) -> Reply {
        let key = request.key.as_str();
        self.entries.retain(|_, entry| entry.until > now);
        self.leases.retain(|_, slot| slot.until > now);
        self.hedges.retain(|_, slot| slot.until > now);
        match &request.op {
            Op::Read => Reply::Entry(self.found(key, now)),
            Op::Acquire { token, lease, take, seen } => {
                self.acquire(key, now, (token, *lease), *take, *seen)
            }
            Op::Renew { token, lease } => Reply::Done(self.renew(key, token, later(now, *lease))),
            Op::Finish { tokens, outcome } => Reply::Done(self.finish(key, now, tokens, outcome)),
            Op::Invalidate => {
                self.entries.remove(key);
                self.empty(key);
                Reply::Done(true)
            }
        }
    }

    /// The keys of which a slot is held at `now`.
    pub(crate) fn locked(&self, now: u64) -> Vec<&str> {
        let slots = self.leases.iter().chain(&self.hedges);
        slots.filter(|(_, slot)| slot.until > now).map(|(key, _)| key.as_str()).collect()
    }

    /// Forgets everything, but for which revisions there have been.
    pub(crate) fn restart(&mut self) {
        *self = Self { revisions: self.revisions, ..Self::default() };
    }

    fn acquire(
        &mut self,
        key: &str,
        now: u64,
        (token, lease): (&str, Duration),
        take: Take,
        seen: Option<u64>,
    ) -> Reply {
        let found = self.found(key, now).filter(|found| Some(found.revision) != seen);
        if let Some(found) = found.filter(|_| take != Take::Force) {
            return Reply::Newer(found);
        }
        let slot = Slot { token: token.to_owned(), until: later(now, lease) };
        let (is_led, is_hedged) = (self.leases.contains_key(key), self.hedges.contains_key(key));
        match take {
            Take::Force => {
                self.empty(key);
                self.leases.insert(key.to_owned(), slot);
            }
            Take::IfFree if !is_led && !is_hedged => _ = self.leases.insert(key.to_owned(), slot),
            Take::Beside if !is_led => _ = self.leases.insert(key.to_owned(), slot),
            Take::Beside if !is_hedged => _ = self.hedges.insert(key.to_owned(), slot),
            Take::IfFree | Take::Beside => {
                let holder = |slot: &Slot| Holder {
                    token: slot.token.clone(),
                    remaining: Duration::from_micros(slot.until - now),
                };
                let slots = [self.leases.get(key), self.hedges.get(key)];
                return Reply::Held(slots.map(|slot| slot.map(holder)));
            }
        }
        Reply::Lease
    }

    fn found(&self, key: &str, now: u64) -> Option<Found> {
        let Entry { value, written, life, retry_at, revision, .. } = self.entries.get(key)?;
        Some(Found {
            value: value.clone(),
            written: *written,
            life: *life,
            retry_at: *retry_at,
            revision: *revision,
            now,
        })
    }

    fn renew(&mut self, key: &str, token: &str, until: u64) -> bool {
        let slots = [self.leases.get_mut(key), self.hedges.get_mut(key)];
        let mine = slots.into_iter().flatten().find(|slot| slot.token == token);
        mine.map(|slot| slot.until = until).is_some()
    }

    fn finish(&mut self, key: &str, now: u64, tokens: &[String], outcome: &Outcome) -> bool {
        let holds = |slots: &HashMap<String, Slot>| {
            slots.get(key).is_some_and(|slot| tokens.contains(&slot.token))
        };
        let (leads, hedges) = (holds(&self.leases), holds(&self.hedges));
        if !leads && !hedges {
            return false;
        }
        match outcome {
            Outcome::Release | Outcome::Postpone(_) => {
                if leads {
                    self.leases.remove(key);
                }
                if hedges {
                    self.hedges.remove(key);
                }
                if let Outcome::Postpone(pause) = outcome {
                    self.hold_off(key, later(now, *pause));
                }
            }
            Outcome::Store(value) => {
                self.write(key, now, Some(value.clone()), value.ttl, value.stale);
                self.empty(key);
            }
            Outcome::Uncacheable(ttl) => {
                let is_valid =
                    |entry: &Entry| entry.value.is_some() && later(entry.written, entry.life) > now;
                if self.entries.get(key).is_some_and(is_valid) {
                    self.hold_off(key, later(now, *ttl));
                } else {
                    self.write(key, now, None, *ttl, Duration::ZERO);
                }
                self.empty(key);
            }
        }
        true
    }

    fn empty(&mut self, key: &str) {
        self.leases.remove(key);
        self.hedges.remove(key);
    }

    fn hold_off(&mut self, key: &str, until: u64) {
        self.revisions += 1;
        if let Some(entry) = self.entries.get_mut(key) {
            (entry.retry_at, entry.revision) = (Some(until), self.revisions);
        }
    }

    fn write(
        &mut self,
        key: &str,
        now: u64,
        value: Option<Written>,
        life: Duration,
        stale: Duration,
    ) {
        self.revisions += 1;
        let until = later(later(now, life), stale);
        let revision = self.revisions;
        let entry = Entry { value, written: now, life, until, retry_at: None, revision };
        self.entries.insert(key.to_owned(), entry);
    }
}

fn later(now: u64, by: Duration) -> u64 {
    now + u64::try_from(by.as_micros()).expect("a run is short")
}
