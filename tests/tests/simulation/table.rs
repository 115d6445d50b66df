//! What the store holds: `acquire.lua`, `fill.lua`, `lease.lua` and the plain commands, over maps.
//!
//! It is written from the scripts and shares nothing with the crate's own memory store, so that a
//! mistake would have to be made twice. As in Redis, what has outlived its time is not there.

use std::collections::HashMap;
use std::time::Duration;

use crate::wire::{Found, Op, Reply, Request, Written};

#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashMap<String, Entry>,
    locks: HashMap<String, Lock>,
    versions: u64,
}

#[derive(Debug)]
struct Entry {
    value: Written,
    expiry: u64,
    version: u64,
}

#[derive(Debug)]
struct Lock {
    token: String,
    until: u64,
}

impl Table {
    /// Does what `request` asks for at `now`, in microseconds.
    pub(crate) fn execute(&mut self, now: u64, request: &Request) -> Reply {
        let key = request.key.as_str();
        self.entries.retain(|_, entry| entry.expiry > now);
        self.locks.retain(|_, lock| lock.until > now);
        match &request.op {
            Op::Read => Reply::Entry(self.found(key, now)),
            Op::Acquire { token, lease, seen } => self.acquire(key, now, token, *lease, *seen),
            Op::Renew { token, lease } => Reply::Done(
                self.holds(key, token) && {
                    self.lock(key, token, later(now, *lease));
                    true
                },
            ),
            Op::Fill { token, value } => Reply::Done(
                self.holds(key, token) && {
                    self.write(key, now, value);
                    self.locks.remove(key);
                    true
                },
            ),
            Op::Release { token } => Reply::Done(
                self.holds(key, token) && {
                    self.locks.remove(key);
                    true
                },
            ),
            Op::Seize { token, lease } => {
                self.lock(key, token, later(now, *lease));
                Reply::Done(true)
            }
            Op::Invalidate => {
                self.entries.remove(key);
                self.locks.remove(key);
                Reply::Done(true)
            }
        }
    }

    /// The keys that are locked at `now`.
    pub(crate) fn locked(&self, now: u64) -> Vec<&str> {
        let live = self.locks.iter().filter(|(_, lock)| lock.until > now);
        live.map(|(key, _)| key.as_str()).collect()
    }

    /// Forgets everything, but for which versions there have been.
    pub(crate) fn restart(&mut self) {
        *self = Self { versions: self.versions, ..Self::default() };
    }

    fn acquire(
        &mut self,
        key: &str,
        now: u64,
        token: &str,
        lease: Duration,
        seen: Option<u64>,
    ) -> Reply {
        if let Some(found) = self.found(key, now).filter(|found| Some(found.version) != seen) {
            return Reply::Newer(found);
        }
        if let Some(lock) = self.locks.get(key) {
            return Reply::Held { remaining: Duration::from_micros(lock.until - now) };
        }
        self.lock(key, token, later(now, lease));
        Reply::Lease
    }

    fn found(&self, key: &str, now: u64) -> Option<Found> {
        let Entry { value, expiry, version } = self.entries.get(key)?;
        let Written { payload, delta, ttl: life } = value.clone();
        Some(Found { payload, delta, life, expiry: *expiry, version: *version, now })
    }

    fn holds(&self, key: &str, token: &str) -> bool {
        self.locks.get(key).is_some_and(|lock| lock.token == token)
    }

    fn lock(&mut self, key: &str, token: &str, until: u64) {
        self.locks.insert(key.to_owned(), Lock { token: token.to_owned(), until });
    }

    fn write(&mut self, key: &str, now: u64, value: &Written) {
        self.versions += 1;
        let (expiry, version) = (later(now, value.ttl), self.versions);
        self.entries.insert(key.to_owned(), Entry { value: value.clone(), expiry, version });
    }
}

fn later(now: u64, by: Duration) -> u64 {
    now + u64::try_from(by.as_micros()).expect("a run is short")
}
