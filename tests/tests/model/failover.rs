//! A failover: an asynchronous replica, which lacks the last writes, takes the server's place.
//!
//! - The replica has executed the writes of the server in their order, each script as a whole, up to a moment.
//!   That moment may be any. What came later is lost: stores, leases, hedges, renewals and invalidations.
//! - An end by the clock comes to both, because Redis replicates the moment at which a key ends, and an entry says
//!   itself until when it may be served. So nothing comes back that has ended.
//! - Where the world is split, the old server goes on. A process asks it until it hears of the failover, and what
//!   it writes there is lost.
//!
//! [`Server::kept`] is what the server still knows of the invalidations: callers are promised nothing about one
//! that it has lost. With [`Rules::count_lost`] they are promised as much as if nothing could be lost.

use crate::action::Action;
use crate::rules::{Bounds, Rules};
use crate::server::Server;
use crate::state::{
    CallerId, Invalidation, Message, PROCESSES, ProcessId, SLOTS, State, Tokens, Version,
    process_of, token_bit,
};

/// The server that there is besides the one that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Other {
    None,
    /// A replica that has fallen behind, and is about to be promoted.
    Replica(Server),
    /// The primary that was, which some processes still ask.
    Old(Server),
}

impl Other {
    pub(crate) fn server(self) -> Option<Server> {
        match self {
            Self::None => None,
            Self::Replica(server) | Self::Old(server) => Some(server),
        }
    }

    pub(crate) fn server_mut(&mut self) -> Option<&mut Server> {
        match self {
            Self::None => None,
            Self::Replica(server) | Self::Old(server) => Some(server),
        }
    }
}

impl Server {
    /// Notes what the server cannot be too old for any more: where no slot is held, whatever is stored later is
    /// read later. So a failover is over for a key as soon as nothing that came back is left of it.
    fn note_kept(&mut self, database: Version) {
        if self.slots == [None; SLOTS] {
            self.kept = self.kept.max(self.entry.map_or(database, |entry| entry.version));
        }
    }

    /// Nobody can be expected to release what it holds for these.
    fn orphan(&mut self, tokens: Tokens) {
        for lock in self.slots.iter_mut().flatten() {
            lock.orphaned |= tokens & token_bit(lock.token) != 0;
        }
    }
}

impl State {
    /// The server that is asked, and the one beside it.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Server> {
        [Some(self.server), self.other.server()].into_iter().flatten()
    }

    /// Those of them that take requests.
    pub(crate) fn asked_servers(&self) -> impl Iterator<Item = Server> {
        let is_asked = !matches!(self.other, Other::Replica(_));
        [Some(self.server), self.other.server().filter(|_| is_asked)].into_iter().flatten()
    }

    pub(crate) fn failover_steps(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        match self.other {
            Other::None if self.left.failovers > 0 => actions.push(Action::ReplicaFallsBehind),
            Other::Replica(_) => actions.push(Action::FailsOver),
            Other::None | Other::Old(_) => {}
        }
        for process in 0..PROCESSES {
            if self.processes[process].behind {
                actions.push(Action::Hears(process));
            }
            // After a failover only: what it has lost.
            let has_lost = self.server.kept < self.floor && self.left.failovers < bounds.failovers;
            if self.left.repeats > 0 && has_lost {
                for (index, invalidation) in self.invalidations.iter().enumerate() {
                    if *invalidation == Invalidation::Over && self.processes[process].alive {
                        actions.push(Action::Repeats(index, process));
                    }
                }
            }
        }
        if let Some(old) = self.at_old_server() {
            let id = self.server.entry.map(|entry| entry.id);
            if old.server.entry.is_some_and(|entry| Some(entry.id) != id && self.left.expiries > 0)
            {
                actions.push(Action::OldEntryExpires);
            }
            let ends = (0..SLOTS).filter(|slot| old.may_lapse(*slot));
            actions.extend(ends.map(Action::OldLeaseExpires));
            let messages = (0..self.messages.len()).filter(|index| self.messages[*index].is_some());
            actions.extend(messages.map(Action::OldServerExecutes));
        }
    }

    /// The replica gets no more writes.
    pub(crate) fn fall_behind(&mut self) {
        let mut replica = self.server;
        replica.orphan(Tokens::MAX);
        self.other = Other::Replica(replica);
    }

    pub(crate) fn fail_over(&mut self, rules: &Rules, bounds: &Bounds) {
        let Other::Replica(replica) = self.other else { return };
        self.left.failovers -= 1;
        let mut old = std::mem::replace(&mut self.server, replica);
        if rules.count_lost {
            self.server.newest = old.newest;
        }
        if bounds.split {
            old.orphan(Tokens::MAX);
            self.other = Other::Old(old);
            for process in &mut self.processes {
                process.behind = process.alive;
            }
        } else {
            self.other = Other::None;
            (0..PROCESSES).for_each(|process| self.hear(process));
        }
    }

    /// The process asks the new server from now on. Its calls that are under way are promised no more than those
    /// that come now.
    pub(crate) fn hear(&mut self, process: ProcessId) {
        self.processes[process].behind = false;
        let kept = self.server.kept;
        for caller in self.callers_of(process) {
            let floor = &mut self.callers[caller].floor;
            *floor = kept.min(*floor);
        }
        if let Other::Old(old) = &mut self.other {
            old.orphan(Tokens::MAX);
        }
    }

    /// A request has come to one of two servers; the other one will not see it.
    pub(crate) fn miss(&mut self, message: Message) {
        if let Other::Old(other) = &mut self.other {
            other.orphan(message.tokens());
        }
    }

    pub(crate) fn repeat(&mut self, index: usize, process: ProcessId) {
        self.left.repeats -= 1;
        self.invalidations[index] = Invalidation::Committed(process);
    }

    /// What is to be noted after each step.
    pub(crate) fn note_failover(&mut self, rules: &Rules, bounds: &Bounds) {
        if bounds.failovers == 0 {
            return;
        }
        if !self.processes.iter().any(|process| process.behind)
            && let Other::Old(_) = self.other
        {
            self.other = Other::None;
        }
        if !rules.count_lost {
            self.server.note_kept(self.database);
            if let Some(other) = self.other.server_mut() {
                other.note_kept(self.database);
            }
        }
    }

    /// The state as those see it who ask the old server, where there is one.
    pub(crate) fn at_old_server(&self) -> Option<Self> {
        let mut seen = *self;
        let Other::Old(old) = &mut seen.other else { return None };
        std::mem::swap(&mut seen.server, old);
        Some(seen)
    }

    /// Puts the old server in the place of the one that is asked, or back.
    pub(crate) fn swap_servers(&mut self) {
        if let Other::Old(old) = &mut self.other {
            std::mem::swap(&mut self.server, old);
        }
    }

    pub(crate) fn callers_of(&self, process: ProcessId) -> impl Iterator<Item = CallerId> + use<> {
        (0..self.callers.len()).filter(move |caller| process_of(*caller) == process)
    }
}

impl Action {
    /// Whether it happens at the old server, because the process does not know better that it is of.
    pub(crate) fn is_at_old_server(self, state: &State) -> bool {
        let behind = |process: ProcessId| state.processes[process].behind;
        match self {
            Self::OldEntryExpires | Self::OldLeaseExpires(_) | Self::OldServerExecutes(_) => true,
            Self::ServerInvalidates(_, process)
            | Self::Sets(process)
            | Self::Crashes { process, .. } => behind(process),
            Self::ServerSets => state.setting.is_some_and(|setting| behind(setting.process)),
            _ => self.caller().is_some_and(|caller| behind(process_of(caller))),
        }
    }

    fn caller(self) -> Option<CallerId> {
        match self {
            Self::Starts(caller)
            | Self::Looks(caller)
            | Self::EntersNextRead(caller)
            | Self::ServerReads(caller)
            | Self::ReadArrives(caller)
            | Self::Judges(caller, _)
            | Self::ServerAcquires(caller)
            | Self::LeaseArrives(caller)
            | Self::BarArrives(caller)
            | Self::AsksBeside(caller)
            | Self::Overtakes(caller)
            | Self::NewerArrives { caller, .. }
            | Self::ServesWhatItHolds(caller)
            | Self::TakesBaton { caller, .. }
            | Self::ReadsDatabase(caller)
            | Self::RecomputeReturns(caller, _)
            | Self::Hangs(caller)
            | Self::ServerRenews(caller)
            | Self::ServerFills(caller)
            | Self::FillArrives(caller)
            | Self::Dismisses { caller, .. }
            | Self::RecomputeFails(caller)
            | Self::ServerReleases(caller)
            | Self::ReleaseArrives(caller)
            | Self::LosesPatience(caller)
            | Self::EntersGuest(caller)
            | Self::GuestFinds(caller)
            | Self::Fails(caller)
            | Self::IsDropped { caller, .. }
            | Self::IsAbandoned { caller, .. } => Some(caller),
            _ => None,
        }
    }
}
