//! Names for what is new: the smallest that nothing refers to.

use crate::state::{
    EntryId, Found, Lease, Message, Phase, Request, State, Token, Tokens, token_bit,
};

impl State {
    pub(crate) fn unused_entry(&self) -> EntryId {
        let mut used = 0_u32;
        let mut refer = |id: EntryId| used |= 1 << id;
        self.servers().filter_map(|server| server.entry).for_each(|entry| refer(entry.id));
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
            if let Message::Acquire(Request { seen, .. }) | Message::Fill { seen, .. } = message {
                seen.iter().copied().for_each(&mut refer);
            }
        }
        smallest_not_in(used)
    }

    /// A token that no flight has, and that nothing on its way or at the server names.
    pub(crate) fn unused_token(&self) -> Token {
        let flights = self.flights.iter().flatten().map(|flight| flight.lease.tokens());
        let messages = self.messages.iter().flatten().map(|message| message.tokens());
        let setting = self.setting.iter().map(|setting| token_bit(setting.token));
        let callers = self.callers.iter().map(|caller| match caller.phase {
            Phase::Barred(told) => told,
            _ => caller.attempt.told,
        });
        let servers = self.servers().map(|server| server.held());
        let named = flights.chain(messages).chain(setting).chain(callers).chain(servers);
        smallest_not_in(named.fold(0, |used, tokens| used | tokens))
    }
}

fn smallest_not_in(used: u32) -> u8 {
    u8::try_from(used.trailing_ones()).expect("a number of bits")
}

impl Lease {
    /// The token by which the flight itself may hold a slot.
    pub(crate) fn token(self) -> Option<Token> {
        match self {
            Self::None | Self::Guest(_) | Self::Filling { guest: true, .. } => None,
            Self::Idle(token) | Self::Asked(token) | Self::Held(token) => Some(token),
            Self::Filling { tokens, .. } => Token::try_from(tokens.trailing_zeros()).ok(),
        }
    }

    /// All tokens that it names.
    pub(crate) fn tokens(self) -> Tokens {
        match self {
            Self::None => 0,
            Self::Idle(token) | Self::Asked(token) | Self::Held(token) => token_bit(token),
            Self::Guest(tokens) | Self::Filling { tokens, .. } => tokens,
        }
    }
}
