//! The steps from one state to the next.

use crate::call::Verdict;
use crate::rules::{Bounds, Rules};
use crate::state::{CallerId, Kind, Phase, ProcessId, State};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Starts(CallerId),
    Looks(CallerId),
    EntersNextRead(CallerId),
    ServerReads(CallerId),
    ReadArrives(CallerId),
    Judges(CallerId, Verdict),
    ServerAcquires(CallerId),
    LeaseArrives(CallerId),
    /// The caller learns who holds the slots, and loads as their guest.
    BarArrives(CallerId),
    /// Asks for the hedge from now on.
    AsksBeside(CallerId),
    /// A member begins a flight in the place of the one that it waits for.
    Overtakes(CallerId),
    NewerArrives {
        caller: CallerId,
        usable: bool,
    },
    ServesWhatItHolds(CallerId),
    /// A member gets the baton; the lease may have `elapsed` by its process's clock.
    TakesBaton {
        caller: CallerId,
        elapsed: bool,
    },
    ReadsDatabase(CallerId),
    RecomputeReturns(CallerId, Kind),
    Hangs(CallerId),
    ServerRenews(CallerId),
    ServerFills(CallerId),
    FillArrives(CallerId),
    /// The leader learns that its lease is `lost`, or renews it no longer.
    Dismisses {
        caller: CallerId,
        lost: bool,
    },
    RecomputeFails(CallerId),
    ServerReleases(CallerId),
    ReleaseArrives(CallerId),
    LosesPatience(CallerId),
    EntersGuest(CallerId),
    GuestFinds(CallerId),
    Commits(ProcessId),
    ServerInvalidates(usize, ProcessId),
    InvalidateReturns(usize, ProcessId),
    Sets(ProcessId),
    ServerSets,
    EntryExpires,
    LeaseExpires(usize),
    ReplicaFallsBehind,
    FailsOver,
    /// The process hears of the failover.
    Hears(ProcessId),
    /// An invalidation that has returned is sent once more.
    Repeats(usize, ProcessId),
    OldEntryExpires,
    OldLeaseExpires(usize),
    OldServerExecutes(usize),
    /// The server executes a request that nobody waits for.
    ServerExecutes(usize),
    Fails(CallerId),
    IsDropped {
        caller: CallerId,
        sent: bool,
    },
    /// The task of a load that is for nobody ends.
    IsAbandoned {
        caller: CallerId,
        sent: bool,
    },
    Crashes {
        process: ProcessId,
        sent: bool,
    },
}

impl Action {
    /// Whether it happens sooner or later because time goes on and callers are polled. The others
    /// may never happen.
    pub(crate) fn is_progress(self, rules: &Rules, bounds: &Bounds) -> bool {
        match self {
            Self::ServerExecutes(_) | Self::OldServerExecutes(_) => rules.ordered,
            Self::AsksBeside(_) | Self::Overtakes(_) | Self::LosesPatience(_) => bounds.hangs > 0,
            Self::Starts(_)
            | Self::GuestFinds(_)
            | Self::Commits(_)
            | Self::ServerInvalidates(..)
            | Self::InvalidateReturns(..)
            | Self::ServerRenews(_)
            | Self::Sets(_)
            | Self::EntryExpires
            | Self::OldEntryExpires
            | Self::ReplicaFallsBehind
            | Self::FailsOver
            | Self::Repeats(..)
            | Self::Dismisses { .. }
            | Self::RecomputeFails(_)
            | Self::Fails(_)
            | Self::IsDropped { .. }
            | Self::Crashes { .. } => false,
            _ => true,
        }
    }
}

impl State {
    pub(crate) fn apply(&mut self, rules: &Rules, bounds: &Bounds, action: Action) {
        if action.is_at_old_server(self) {
            self.swap_servers();
            self.step(rules, bounds, action);
            self.swap_servers();
        } else {
            self.step(rules, bounds, action);
        }
        self.note_failover(rules, bounds);
    }

    fn step(&mut self, rules: &Rules, bounds: &Bounds, action: Action) {
        match action {
            Action::Starts(caller) => self.start(caller),
            Action::Looks(caller) => self.look(caller),
            Action::EntersNextRead(caller) => self.enter_read(caller),
            Action::ServerReads(caller) => self.execute_read(caller, true),
            Action::ReadArrives(caller) => self.land_read(rules, caller),
            Action::Judges(caller, verdict) => self.judge(rules, bounds, caller, verdict),
            Action::ServerAcquires(caller) => self.execute_acquire(rules, caller),
            Action::LeaseArrives(caller) => self.receive_lease(rules, caller),
            Action::BarArrives(caller) => self.receive_barred(caller),
            Action::AsksBeside(caller) => self.ask_beside(caller),
            Action::Overtakes(caller) => self.overtake(rules, caller),
            Action::NewerArrives { caller, usable } => self.receive_newer(rules, caller, usable),
            Action::ServesWhatItHolds(caller) => self.serve_held(caller),
            Action::TakesBaton { caller, elapsed } => {
                self.flight_of(caller).holder = Some(caller);
                self.lead(rules, caller, elapsed);
            }
            Action::ReadsDatabase(caller) => self.read_database(caller),
            Action::RecomputeReturns(caller, kind) => self.return_value(rules, caller, kind),
            Action::Hangs(caller) => {
                self.left.hangs -= 1;
                self.callers[caller].phase = Phase::Hangs;
            }
            Action::ServerRenews(caller) => self.renew(rules, self.token_of(caller)),
            Action::ServerFills(caller) => self.execute_fill(rules, caller),
            Action::FillArrives(caller) => {
                let stored = self.callers[caller].phase.stored();
                self.receive_filled(rules, caller, Some(stored));
            }
            Action::Dismisses { caller, lost } => self.dismiss_members(caller, lost),
            Action::RecomputeFails(caller) => self.return_error(rules, caller),
            Action::ServerReleases(caller) => self.execute_release(bounds, caller),
            Action::ReleaseArrives(caller) => {
                if let Phase::Released { error, held } = self.callers[caller].phase {
                    self.land_error(rules, caller, error, held);
                }
            }
            Action::LosesPatience(caller) => self.lose_patience(caller),
            Action::EntersGuest(caller) => self.enter_guest(rules, caller),
            Action::GuestFinds(caller) => self.find_guest(rules, caller),
            Action::Commits(process) => self.commit(process),
            Action::ServerInvalidates(index, process) => self.invalidate(rules, index, process),
            Action::InvalidateReturns(index, process) => self.end_invalidation(index, process),
            Action::Sets(process) => self.set(rules, process),
            Action::ServerSets => self.end_set(rules),
            Action::EntryExpires | Action::OldEntryExpires => self.expire_entry(bounds),
            Action::LeaseExpires(slot) => self.expire_lease(slot, false),
            Action::OldLeaseExpires(slot) => self.expire_lease(slot, true),
            Action::ReplicaFallsBehind => self.fall_behind(),
            Action::FailsOver => self.fail_over(rules, bounds),
            Action::Hears(process) => self.hear(process),
            Action::Repeats(index, process) => self.repeat(index, process),
            Action::ServerExecutes(index) | Action::OldServerExecutes(index) => {
                if let Some(message) = self.receive(index) {
                    self.execute(rules, message);
                    self.miss(message);
                }
            }
            Action::Fails(caller) => self.fail(rules, caller),
            Action::IsDropped { caller, sent } => self.drop_caller(bounds, caller, sent),
            Action::IsAbandoned { caller, sent } => self.end_caller(caller, sent),
            Action::Crashes { process, sent } => self.crash(process, sent),
        }
    }
}
