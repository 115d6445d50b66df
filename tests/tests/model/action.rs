//! The steps from one state to the next.

use crate::call::Verdict;
use crate::rules::Rules;
use crate::state::{CallerId, Phase, ProcessId, State};

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
    RecomputeReturns(CallerId),
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
    GuestReturns(CallerId),
    GuestFinds(CallerId),
    Commits(ProcessId),
    ServerInvalidates(usize, ProcessId),
    InvalidateReturns(usize, ProcessId),
    EntryExpires,
    LeaseExpires,
    /// The server executes a request that nobody waits for.
    ServerExecutes(usize),
    Fails(CallerId),
    IsDropped {
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
    pub(crate) fn is_progress(self, rules: &Rules) -> bool {
        match self {
            Self::ServerExecutes(_) => rules.ordered,
            Self::Starts(_)
            | Self::LosesPatience(_)
            | Self::GuestFinds(_)
            | Self::Commits(_)
            | Self::ServerInvalidates(..)
            | Self::InvalidateReturns(..)
            | Self::EntryExpires
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
    pub(crate) fn apply(&mut self, rules: &Rules, action: Action) {
        match action {
            Action::Starts(caller) => self.start(caller),
            Action::Looks(caller) => self.look(caller),
            Action::EntersNextRead(caller) => self.enter_read(caller),
            Action::ServerReads(caller) => self.execute_read(caller, true),
            Action::ReadArrives(caller) => self.land_read(rules, caller),
            Action::Judges(caller, verdict) => self.judge(rules, caller, verdict),
            Action::ServerAcquires(caller) => self.execute_acquire(rules, caller),
            Action::LeaseArrives(caller) => self.receive_lease(caller),
            Action::NewerArrives { caller, usable } => self.receive_newer(rules, caller, usable),
            Action::ServesWhatItHolds(caller) => self.serve_held(caller),
            Action::TakesBaton { caller, elapsed } => {
                self.flight_of(caller).holder = Some(caller);
                self.lead(rules, caller, elapsed);
            }
            Action::ReadsDatabase(caller) => self.read_database(caller),
            Action::RecomputeReturns(caller) => self.return_value(rules, caller),
            Action::ServerFills(caller) => self.execute_fill(rules, caller),
            Action::FillArrives(caller) => {
                let stored = self.callers[caller].phase.stored();
                self.receive_filled(rules, caller, Some(stored));
            }
            Action::Dismisses { caller, lost } => self.dismiss_members(caller, lost),
            Action::RecomputeFails(caller) => self.return_error(rules, caller),
            Action::ServerReleases(caller) => self.execute_release(caller),
            Action::ReleaseArrives(caller) => {
                if let Phase::Released { error, held } = self.callers[caller].phase {
                    self.land_error(rules, caller, error, held);
                }
            }
            Action::LosesPatience(caller) => self.lose_patience(caller),
            Action::EntersGuest(caller) => self.enter_guest(caller),
            Action::GuestReturns(caller) => self.return_guest(caller),
            Action::GuestFinds(caller) => self.find_guest(caller),
            Action::Commits(process) => self.commit(process),
            Action::ServerInvalidates(index, process) => self.invalidate(rules, index, process),
            Action::InvalidateReturns(index, process) => self.end_invalidation(index, process),
            Action::EntryExpires => self.expire_entry(),
            Action::LeaseExpires => self.expire_lease(),
            Action::ServerExecutes(index) => {
                if let Some(message) = self.receive(index) {
                    self.execute(rules, message);
                }
            }
            Action::Fails(caller) => self.fail(rules, caller),
            Action::IsDropped { caller, sent } => self.drop_caller(caller, sent),
            Action::Crashes { process, sent } => self.crash(process, sent),
        }
    }
}
