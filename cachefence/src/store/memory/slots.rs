//! The slots of a memory store: the lease and the hedge of each key.
//!
//! A slot whose term is over counts as free. It stays in the map until it is taken again or swept, so
//! no timer is needed.

use std::collections::HashMap;
use std::time::Duration;

use crate::store::{Held, Holder, Take, Timestamp, Token};

/// The slots of all keys.
#[derive(Default)]
pub(super) struct Slots(HashMap<String, Pair>);

/// The slots of one key.
#[derive(Default)]
struct Pair {
    lease: Option<Slot>,
    hedge: Option<Slot>,
}

struct Slot {
    token: Token,
    until: Timestamp,
}

impl Slots {
    /// Puts `token` into a slot for `term`. The error says who holds the slots.
    pub(super) fn take(
        &mut self,
        key: &str,
        token: Token,
        term: Duration,
        take: Take,
        now: Timestamp,
    ) -> Result<(), Held> {
        let held = self.0.get(key).map(|pair| pair.holders(now)).unwrap_or_default();
        let slot = Some(Slot { token, until: now.after(term) });
        match (take, held.lease, held.hedge) {
            (Take::Force, ..) => *self.pair(key, now) = Pair { lease: slot, hedge: None },
            (Take::IfFree, None, None) | (Take::Beside, None, _) => {
                self.pair(key, now).lease = slot;
            }
            (Take::Beside, Some(_), None) => self.pair(key, now).hedge = slot,
            _ => return Err(held),
        }
        Ok(())
    }

    pub(super) fn renew(
        &mut self,
        key: &str,
        token: Token,
        term: Duration,
        now: Timestamp,
    ) -> bool {
        let pair = self.0.get_mut(key).map(|pair| [&mut pair.lease, &mut pair.hedge]);
        let mut slots = pair.into_iter().flatten().flatten();
        let held = slots.find(|slot| slot.token == token && slot.until > now);
        held.map(|slot| slot.until = now.after(term)).is_some()
    }

    /// Whether a slot holds one of `tokens`, and its term has not ended.
    pub(super) fn hold_any(&self, key: &str, tokens: &[Token], now: Timestamp) -> bool {
        let Some(pair) = self.0.get(key) else { return false };
        let mut slots = [&pair.lease, &pair.hedge].into_iter().flatten();
        slots.any(|slot| tokens.contains(&slot.token) && slot.until > now)
    }

    /// Empties the slots that hold one of `tokens`.
    pub(super) fn release(&mut self, key: &str, tokens: &[Token]) {
        let Some(pair) = self.0.get_mut(key) else { return };
        for slot in [&mut pair.lease, &mut pair.hedge] {
            slot.take_if(|slot| tokens.contains(&slot.token));
        }
        if pair.lease.is_none() && pair.hedge.is_none() {
            self.clear(key);
        }
    }

    /// Empties both slots.
    pub(super) fn clear(&mut self, key: &str) {
        self.0.remove(key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The slots of `key`, to be filled.
    fn pair(&mut self, key: &str, now: Timestamp) -> &mut Pair {
        // A flight whose runtime was shut down leaves its slot behind. Such slots are few; they are
        // swept when the map would have to grow for a new one.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|_, pair| pair.holders(now) != Held::default());
        }
        self.0.entry(key.to_owned()).or_default()
    }
}

impl Pair {
    fn holders(&self, now: Timestamp) -> Held {
        let holder = |slot: &Option<Slot>| {
            let slot = slot.as_ref()?;
            Some(Holder::new(slot.token, slot.until.since(now)?))
        };
        Held::new(holder(&self.lease), holder(&self.hedge))
    }
}
