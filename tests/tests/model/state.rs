//! One state of everything: server, processes, callers, and what is on its way between them.
//!
//! States are compared by value, so everything that cannot make a difference any more is cleared:
//! names of flights, entries and tokens are the smallest that nothing refers to, which is as good
//! as fresh random ones; what a caller knew is forgotten when its call ends.

use crate::failover::Other;
use crate::server::Server;

pub(crate) const CALLERS: usize = 4;
pub(crate) const PROCESSES: usize = 2;
pub(crate) const COMMITS: usize = 2;
pub(crate) const MESSAGES: usize = 6;
pub(crate) const SLOTS: usize = 2;

/// A state of the database, and what was read in it.
pub(crate) type Version = u8;
pub(crate) type EntryId = u8;
pub(crate) type Token = u8;
/// A set of tokens, by bit.
pub(crate) type Tokens = u32;
pub(crate) type CallerId = usize;
pub(crate) type ProcessId = usize;
pub(crate) type FlightId = usize;

/// A set of callers, by bit. The model's tickets: what begins notes the callers whose calls had
/// begun by then, which is all that tickets are compared for.
pub(crate) type Callers = u8;

/// The third caller is alone in its process, the others share one.
pub(crate) fn process_of(caller: CallerId) -> ProcessId {
    usize::from(caller == 2)
}

pub(crate) fn bit(caller: CallerId) -> Callers {
    1 << caller
}

pub(crate) fn token_bit(token: Token) -> Tokens {
    1 << token
}

/// What the server holds under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    /// Tells it from the entries before: its revision.
    pub(crate) id: EntryId,
    pub(crate) kind: Kind,
    /// Its ttl is not over. What is past its ttl may be served within a stale window.
    pub(crate) valid: bool,
    /// It has a retry-at: it counts as fresh for a while, though its ttl may be over.
    pub(crate) held_off: bool,
}

impl Entry {
    /// Whether it may be served as a fresh value.
    pub(crate) fn is_servable(self) -> bool {
        self.kind == Kind::Value && (self.valid || self.held_off)
    }
}

/// What an entry is, or what a load has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Value,
    /// "Not to be cached". It holds no data, but a decision about it was made upon a version.
    Mark,
}

/// What a load has made, on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Made {
    pub(crate) version: Version,
    pub(crate) kind: Kind,
}

/// What the server holds in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lock {
    pub(crate) token: Token,
    /// Nobody can be expected to release it: its process died, or the acquire that set it was
    /// executed after its caller had given it up. Its lease ends it.
    pub(crate) orphaned: bool,
}

/// What a read comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Found {
    Unavailable,
    Nothing,
    Entry(Entry),
}

/// What a caller knows when it gets to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::struct_excessive_bools)] // each is one thing that it knows, or not
pub(crate) struct Attempt {
    pub(crate) seen: Option<EntryId>,
    pub(crate) looked: bool,
    pub(crate) reachable: bool,
    /// A value that it may serve: one that it was drawn to refresh, or one to fall back on.
    pub(crate) held: Option<Version>,
    /// What it holds is to fall back on: it waits for the load, and serves that only if the load fails or
    /// takes long.
    pub(crate) falls_back: bool,
    /// It waits for no other process, and loads as a guest if it cannot have a slot.
    pub(crate) at_once: bool,
    /// The holders that it was told of and waits for. One whose lease has lapsed is left out, because the
    /// caller was told when that would be.
    pub(crate) told: Tokens,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            seen: None,
            looked: true,
            reachable: true,
            held: None,
            falls_back: false,
            at_once: false,
            told: 0,
        }
    }
}

impl Attempt {
    /// What a caller knows whose patience is over.
    pub(crate) fn guest() -> Self {
        Self { looked: false, at_once: true, ..Self::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// Has not called yet.
    Idle,
    /// Is about to look for a flight, and then into the store.
    Looks,
    /// Reads for all that share the read.
    Reads,
    /// Waits for a read of another caller.
    SharesRead,
    /// Could not share the last read, and enters the next.
    ReadsNext,
    /// Has the answer of a read, and has not judged it.
    Found(Found),
    /// Waits for a flight.
    Joined,
    /// Asks for a slot, or pauses between looks at them. In `doubt`, the server may have given it
    /// one already.
    Acquires { doubt: bool },
    /// Has been given a slot; the answer is on its way.
    Granted,
    /// Has been told who holds the slots, and is going to load as their guest; the answer is on its way.
    Barred(Tokens),
    /// Has been told of an entry that it had not seen; the answer is on its way.
    Told(Entry),
    /// Runs its recompute, which reads the database once.
    Recomputes { read: Option<Version> },
    /// Runs a recompute that never ends.
    Hangs,
    /// Stores; `resumes` if the recompute was a dropped leader's.
    Fills { resumes: bool },
    /// The server has executed the fill; the answer is on its way.
    Filled { resumes: bool, stored: bool },
    /// Gives the lease back, because its recompute failed. The error says as much about the
    /// database as a value does.
    Releases { error: Version },
    /// The server has executed the release; the answer is on its way.
    Released { error: Version, held: bool },
    /// Has run tired of waiting.
    IsGuest,
    /// Has been given a value, or an error.
    Done,
    /// Has been given a value older than its floor.
    Deceived,
    /// Dropped, or its process died.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Caller {
    pub(crate) phase: Phase,
    /// The last version whose invalidation had returned when the call began.
    pub(crate) floor: Version,
    pub(crate) flight: FlightId,
    pub(crate) attempt: Attempt,
    /// The call is over, or its caller was dropped, and what goes on is the task of its load.
    pub(crate) left: bool,
    /// How many holders it has waited for, each of which came after one that had ended in nothing.
    pub(crate) queued: u8,
}

/// A flight's hold on the lock, as its process knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Lease {
    /// There is none: the store could not be asked.
    None,
    /// The server holds nothing of it.
    Idle(Token),
    /// The server may hold it: the answer has not come.
    Asked(Token),
    Held(Token),
    /// Others hold the slots, and the flight may store by their tokens.
    Guest(Tokens),
    /// Something is made, and on its way. A guest's goes by the tokens of others.
    Filling {
        tokens: Tokens,
        made: Made,
        guest: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::struct_excessive_bools)] // each is one property of its own
pub(crate) struct Flight {
    pub(crate) process: ProcessId,
    /// Can be joined: neither sealed nor voided.
    pub(crate) listed: bool,
    /// Can be joined without a look into the store.
    pub(crate) cold: bool,
    /// It loads for callers whose patience is over, one at a time in each process.
    pub(crate) guest: bool,
    /// It asks for the hedge.
    pub(crate) beside: bool,
    /// Who holds the baton; nobody while it is offered to the members.
    pub(crate) holder: Option<CallerId>,
    /// Who had called when what it may land was begun.
    pub(crate) before: Callers,
    /// The entry that it replaces.
    pub(crate) seen: Option<EntryId>,
    pub(crate) lease: Lease,
}

/// A read that the callers of a process share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reading {
    pub(crate) holder: CallerId,
    pub(crate) before: Callers,
    /// Known once the server has executed it.
    pub(crate) found: Option<Found>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) alive: bool,
    /// It has not heard of a failover, and asks the old server.
    pub(crate) behind: bool,
    pub(crate) reading: Option<Reading>,
}

/// A request whose sender does not wait for it. It may be executed at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    Acquire(Request),
    Fill { tokens: Tokens, made: Made, seen: Option<EntryId> },
    Release { token: Token },
}

/// What an acquire asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Request {
    pub(crate) token: Token,
    pub(crate) seen: Option<EntryId>,
    /// The hedge will do, if the lease is held.
    pub(crate) beside: bool,
}

impl Message {
    pub(crate) fn tokens(self) -> Tokens {
        match self {
            Self::Acquire(Request { token, .. }) | Self::Release { token } => token_bit(token),
            Self::Fill { tokens, .. } => tokens,
        }
    }
}

/// How far the invalidation of one commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Invalidation {
    /// Nothing has been committed.
    Ahead,
    /// Committed; the server has not executed the invalidation.
    Committed(ProcessId),
    /// Executed; the flight of its process is not voided yet.
    Deleted(ProcessId),
    /// Returned, or its process died.
    Over,
}

/// What is left of the [`Bounds`](crate::rules::Bounds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) commits: u8,
    pub(crate) expiries: u8,
    pub(crate) lapses: u8,
    pub(crate) drops: u8,
    pub(crate) crashes: u8,
    pub(crate) failures: u8,
    pub(crate) errors: u8,
    pub(crate) guest: u8,
    pub(crate) hedges: u8,
    pub(crate) marks: u8,
    pub(crate) hangs: u8,
    pub(crate) sets: u8,
    pub(crate) failovers: u8,
    pub(crate) repeats: u8,
}

/// An `Entry::set` under way: it has seized the lease, and its store is on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    pub(crate) process: ProcessId,
    pub(crate) token: Token,
    pub(crate) version: Version,
}

/// What must never happen, noted when it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools)] // each is one promise
pub(crate) struct Broken {
    /// A fill was accepted without the lock.
    pub(crate) unleased: bool,
    /// A fill replaced an entry that its flight had not seen.
    pub(crate) overwrote: bool,
    /// A value that is not fenced was given to a caller that came after its recompute began.
    pub(crate) unproven: bool,
    /// Something was stored that was read before what had been stored earlier.
    pub(crate) older: bool,
    /// A slot was given to a caller while another held it.
    pub(crate) usurped: bool,
    /// A caller whose load went on in a task was given a value older than its floor.
    pub(crate) deceived: bool,
    /// A load stored what had been invalidated, because the server has lost that invalidation.
    pub(crate) revived: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) database: Version,
    /// The last version whose invalidation has returned.
    pub(crate) floor: Version,
    pub(crate) invalidations: [Invalidation; COMMITS],
    pub(crate) server: Server,
    pub(crate) other: Other,
    pub(crate) setting: Option<Setting>,
    pub(crate) processes: [Process; PROCESSES],
    pub(crate) callers: [Caller; CALLERS],
    pub(crate) flights: [Option<Flight>; CALLERS],
    /// In order, the empty places last.
    pub(crate) messages: [Option<Message>; MESSAGES],
    /// How many loads have begun, where they are counted.
    pub(crate) loads: Option<u8>,
    pub(crate) left: Left,
    pub(crate) broken: Broken,
}

impl Phase {
    /// Whether the server has accepted the fill.
    pub(crate) fn stored(self) -> bool {
        matches!(self, Self::Filled { stored: true, .. })
    }

    /// Whether a request is on its way to the server that changes what it holds.
    pub(crate) fn has_request(self) -> bool {
        matches!(self, Self::Acquires { .. } | Self::Fills { .. } | Self::Releases { .. })
    }
}
