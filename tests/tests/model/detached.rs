//! Loads in tasks of their own, which go on when their callers have gone.
//!
//! A task leads in place of the caller that began it, and exactly as that would. So one caller of the model
//! stands for both: when the call is over, the task has [`left`](crate::state::Caller::left) it behind.

use crate::state::{Caller, CallerId, Lease, Phase, State};

impl State {
    /// The caller's call is over, and its task goes on.
    pub(crate) fn leave_task(&mut self, caller: CallerId) {
        if !self.is_waiting(caller) {
            return;
        }
        let left = &mut self.callers[caller];
        left.left = true;
        left.floor = 0;
        left.queued = 0;
        self.forget(caller);
    }

    /// Whether the caller leads a flight, and so would its task.
    pub(crate) fn leads(&self, caller: CallerId) -> bool {
        self.is_waiting(caller)
            && self.flights[self.callers[caller].flight]
                .is_some_and(|flight| flight.holder == Some(caller))
    }

    /// Whether the task's load is for nobody: it has not begun, or is void, and nobody waits for it.
    pub(crate) fn is_abandoned(&self, caller: CallerId) -> bool {
        let Caller { phase, attempt, flight, left, .. } = self.callers[caller];
        let is_for_nobody = match phase {
            Phase::Acquires { .. } | Phase::Granted | Phase::Told(_) | Phase::Barred(_) => {
                attempt.held.is_none() || attempt.falls_back
            }
            Phase::Recomputes { .. } => {
                self.flights[flight].is_some_and(|flight| matches!(flight.lease, Lease::Idle(_)))
            }
            _ => false,
        };
        left && is_for_nobody && self.members(flight).next().is_none()
    }
}
