//! What the server does with a request: each is one atomic step.

use crate::rules::Rules;
use crate::state::{
    Entry, EntryId, Kind, Lock, Made, Message, Request, SLOTS, State, Token, Tokens, Version,
    token_bit,
};

/// The place of the lease among the slots.
pub(crate) const LEASE: usize = 0;
/// The place of the hedge.
pub(crate) const HEDGE: usize = 1;

/// What the server knows of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) entry: Option<Entry>,
    /// The lease and the hedge.
    pub(crate) slots: [Option<Lock>; SLOTS],
    /// The newest version that was ever stored.
    pub(crate) newest: Version,
    /// Invalidations of this version and of older ones hold here. Where there is no failover, all do.
    pub(crate) kept: Version,
}

/// What an acquire comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// The token is in this slot now, or was in one before.
    Lease(Option<usize>),
    Newer(Entry),
    /// Who holds the slots.
    Held(Tokens),
}

impl Server {
    /// The tokens in the slots.
    pub(crate) fn held(&self) -> Tokens {
        self.slots.iter().flatten().fold(0, |held, lock| held | token_bit(lock.token))
    }
}

impl State {
    pub(crate) fn acquire(&mut self, rules: &Rules, request: Request) -> Answer {
        let answer = self.answer(rules, request);
        if let Answer::Lease(Some(slot)) = answer {
            self.broken.usurped |= self.server.slots[slot].is_some();
            self.server.slots[slot] = Some(Lock { token: request.token, orphaned: false });
        }
        answer
    }

    /// What an acquire would come to.
    pub(crate) fn answer(&self, rules: &Rules, request: Request) -> Answer {
        let Request { token, seen, beside } = request;
        let looks = !(rules.acquire_blindly || rules.hedge_blindly && beside);
        if let Some(entry) = self.server.entry
            && Some(entry.id) != seen
            && looks
        {
            return Answer::Newer(entry);
        }
        let held = self.held();
        if held & token_bit(token) != 0 {
            // Only where a rule is broken: no token is asked for twice.
            return Answer::Lease(None);
        }
        match self.server.slots.map(|slot| slot.is_none()) {
            [true, hedge] if hedge || beside => Answer::Lease(Some(LEASE)),
            [false, true] if beside => Answer::Lease(Some(HEDGE)),
            [false, false] if beside && rules.hedge_over_hedge => Answer::Lease(Some(HEDGE)),
            _ => Answer::Held(held),
        }
    }

    /// `finish` by a value or by a mark; whether it was accepted.
    pub(crate) fn fill(
        &mut self,
        rules: &Rules,
        tokens: Tokens,
        made: Made,
        seen: Option<EntryId>,
    ) -> bool {
        let is_fenced =
            !(rules.fill_unconditionally || rules.unfenced_mark && made.kind == Kind::Mark);
        self.fill_fenced(rules, tokens, made, seen, is_fenced)
    }

    /// As [`fill`](Self::fill); what is not fenced is written whatever the slots hold.
    pub(crate) fn fill_fenced(
        &mut self,
        rules: &Rules,
        tokens: Tokens,
        made: Made,
        seen: Option<EntryId>,
        is_fenced: bool,
    ) -> bool {
        let holds = self.server.slots.map(|slot| slot.is_some_and(|lock| holds(tokens, lock)));
        let held = holds.contains(&true);
        if !held && is_fenced {
            return false;
        }
        self.broken.unleased |= !held;
        self.broken.revived |= made.version < self.floor && self.server.kept < self.floor;
        self.broken.older |= made.version < self.server.newest;
        self.server.newest = self.server.newest.max(made.version);
        self.write(made, seen);
        if held {
            let leaves = |slot: usize| {
                !holds[slot]
                    && (rules.mark_own_slot && made.kind == Kind::Mark
                        || rules.leave_hedge && slot == HEDGE
                        || rules.leave_lease && slot == LEASE)
            };
            for slot in (0..SLOTS).filter(|slot| !leaves(*slot)) {
                self.server.slots[slot] = None;
            }
        }
        true
    }

    fn write(&mut self, made: Made, seen: Option<EntryId>) {
        let Made { version, kind } = made;
        let is_valid = |entry: Entry| entry.kind == Kind::Value && entry.valid;
        if kind == Kind::Mark && self.server.entry.is_some_and(is_valid) {
            return self.hold_off();
        }
        // A retry-at gives an entry a new revision, and is no new entry.
        self.broken.overwrote |=
            self.server.entry.is_some_and(|entry| Some(entry.id) != seen && !entry.held_off);
        let id = self.unused_entry();
        self.server.entry = Some(Entry { version, id, kind, valid: true, held_off: false });
    }

    fn hold_off(&mut self) {
        let id = self.unused_entry();
        if let Some(entry) = &mut self.server.entry {
            (entry.held_off, entry.id) = (true, id);
        }
    }

    /// `finish` by a release.
    pub(crate) fn release(&mut self, token: Token) -> bool {
        let mut released = false;
        for slot in &mut self.server.slots {
            released |= slot.take_if(|lock| lock.token == token).is_some();
        }
        released
    }

    /// `finish` by a postponement.
    pub(crate) fn postpone(&mut self, token: Token) -> bool {
        let held = self.release(token);
        if held {
            self.hold_off();
        }
        held
    }

    /// `renew`. It only prolongs, and here a lease is as long as nothing ends it.
    pub(crate) fn renew(&mut self, rules: &Rules, token: Token) {
        if rules.renew_by_set && self.held() & token_bit(token) == 0 {
            self.server.slots[LEASE] = Some(Lock { token, orphaned: false });
        }
    }

    /// `seize`.
    pub(crate) fn seize(&mut self, token: Token) {
        self.server.slots = [Some(Lock { token, orphaned: false }), None];
    }

    /// `DEL slots entry`.
    pub(crate) fn delete(&mut self, rules: &Rules) {
        match &mut self.server.entry {
            Some(entry) if rules.leave_stale && entry.kind == Kind::Value => entry.valid = false,
            entry => *entry = None,
        }
        if rules.leave_lock {
            return;
        }
        self.server.slots[LEASE] = None;
        if !rules.hedge_outlives_invalidation {
            self.server.slots[HEDGE] = None;
        }
    }

    pub(crate) fn held(&self) -> Tokens {
        self.server.held()
    }

    /// Executes a request whose sender is gone or has given up waiting.
    pub(crate) fn execute(&mut self, rules: &Rules, message: Message) {
        match message {
            Message::Acquire(request) => {
                let before = self.server.slots;
                self.acquire(rules, request);
                for (slot, before) in self.server.slots.iter_mut().zip(before) {
                    if before.is_none()
                        && let Some(lock) = slot
                    {
                        lock.orphaned = true;
                    }
                }
            }
            Message::Fill { tokens, made, seen } => {
                self.fill(rules, tokens, made, seen);
            }
            Message::Release { token } => {
                self.release(token);
            }
        }
    }
}

fn holds(tokens: Tokens, lock: Lock) -> bool {
    tokens & token_bit(lock.token) != 0
}
