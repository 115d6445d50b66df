//! What the server does with a request: each is one atomic step.

use crate::rules::Rules;
use crate::state::{Entry, EntryId, Found, Lease, Lock, Message, Phase, State, Token, Version};

/// What an acquire comes to.
pub(crate) enum Answer {
    Lease,
    Newer(Entry),
    Held,
}

impl State {
    /// `acquire.lua`.
    pub(crate) fn acquire(&mut self, rules: &Rules, token: Token, seen: Option<EntryId>) -> Answer {
        if let Some(entry) = self.entry
            && Some(entry.id) != seen
            && !rules.acquire_blindly
        {
            return Answer::Newer(entry);
        }
        match self.lock {
            Some(lock) if lock.token != token => Answer::Held,
            // Only where a rule is broken: no token is asked for twice.
            Some(_) => Answer::Lease,
            None => {
                self.lock = Some(Lock { token, orphaned: false });
                Answer::Lease
            }
        }
    }

    /// `fill.lua`.
    pub(crate) fn fill(
        &mut self,
        rules: &Rules,
        token: Token,
        version: Version,
        seen: Option<EntryId>,
    ) -> bool {
        let held = self.lock.is_some_and(|lock| lock.token == token);
        if !held && !rules.fill_unconditionally {
            return false;
        }
        self.broken.unleased |= !held;
        self.broken.overwrote |= self.entry.is_some_and(|entry| Some(entry.id) != seen);
        let id = self.unused_entry();
        self.entry = Some(Entry { version, id });
        if held {
            self.lock = None;
        }
        true
    }

    /// `lease.lua`, without a lease.
    pub(crate) fn release(&mut self, token: Token) -> bool {
        self.lock.take_if(|lock| lock.token == token).is_some()
    }

    /// `DEL lock entry`.
    pub(crate) fn delete(&mut self, rules: &Rules) {
        self.entry = None;
        if !rules.leave_lock {
            self.lock = None;
        }
    }

    /// Executes a request whose sender is gone or has given up waiting.
    pub(crate) fn execute(&mut self, rules: &Rules, message: Message) {
        match message {
            Message::Acquire { token, seen } => {
                let free = self.lock.is_none();
                self.acquire(rules, token, seen);
                if free && let Some(lock) = &mut self.lock {
                    lock.orphaned = true;
                }
            }
            Message::Fill { token, version, seen } => {
                self.fill(rules, token, version, seen);
            }
            Message::Release { token } => {
                self.release(token);
            }
        }
    }

    pub(crate) fn send(&mut self, message: Message) {
        // A second one changes nothing that the first does not.
        if self.messages.contains(&Some(message)) {
            return;
        }
        let free = self.messages.iter_mut().find(|place| place.is_none());
        *free.expect("enough places") = Some(message);
        self.sort_messages();
    }

    pub(crate) fn receive(&mut self, index: usize) -> Option<Message> {
        let message = self.messages[index].take();
        self.sort_messages();
        message
    }

    fn sort_messages(&mut self) {
        self.messages.sort_unstable_by_key(|message| (message.is_none(), *message));
    }

    /// Whether nothing that was sent earlier about `token` is still on its way.
    pub(crate) fn is_next(&self, rules: &Rules, token: Token) -> bool {
        !rules.ordered || self.messages.iter().flatten().all(|earlier| earlier.token() != token)
    }

    fn unused_entry(&self) -> EntryId {
        let mut used = 0_u32;
        let mut refer = |id: EntryId| used |= 1 << id;
        self.entry.iter().for_each(|entry| refer(entry.id));
        for caller in &self.callers {
            caller.attempt.seen.into_iter().for_each(&mut refer);
            if let Phase::Found(Found::Entry(entry)) | Phase::Told(entry) = caller.phase {
                refer(entry.id);
            }
        }
        for reading in self.processes.iter().filter_map(|process| process.reading) {
            if let Some(Found::Entry(entry)) = reading.found {
                refer(entry.id);
            }
        }
        self.flights.iter().flatten().filter_map(|flight| flight.seen).for_each(&mut refer);
        for message in self.messages.iter().flatten() {
            if let Message::Acquire { seen: Some(id), .. } | Message::Fill { seen: Some(id), .. } =
                message
            {
                refer(*id);
            }
        }
        smallest_not_in(used)
    }

    /// A token that no flight has, and that nothing on its way or at the server names.
    pub(crate) fn unused_token(&self) -> Token {
        let mut used = 0_u32;
        self.lock.iter().for_each(|lock| used |= 1 << lock.token);
        for flight in self.flights.iter().flatten() {
            used |= flight.lease.token().map_or(0, |token| 1 << token);
        }
        self.messages.iter().flatten().for_each(|message| used |= 1 << message.token());
        smallest_not_in(used)
    }
}

fn smallest_not_in(used: u32) -> u8 {
    u8::try_from(used.trailing_ones()).expect("a number of bits")
}

impl Lease {
    pub(crate) fn token(self) -> Option<Token> {
        match self {
            Self::None => None,
            Self::Idle(token)
            | Self::Asked(token)
            | Self::Held(token)
            | Self::Filling(token, _) => Some(token),
        }
    }
}
