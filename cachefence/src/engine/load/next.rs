//! The steps of a call: how it goes on, and what it is served in the end.
//!
//! Each step returns a [`Next`], and [`serve`](super::serve) takes it. So no step calls another, and
//! the future of one step need not hold that of the next. [`Next::after`] is the one place where a
//! call that waited for a load is told whether it may have the landing.

use std::time::Duration;

use crate::engine::call::{Attempt, Call, Held};
use crate::engine::landing::{Encoded, Joiner, Landing, Leader};
use crate::observe::RequestResult;
use crate::share::SharedErr;

/// How a call goes on.
pub(crate) enum Next {
    Serve(Served),
    /// Lead a load, for this call and all that join.
    Lead(Leader, Attempt),
    /// Wait for another caller's load.
    Join(Joiner, Attempt),
    /// Load as a guest, or wait for the guest that does: the call has waited long enough for another
    /// caller's load.
    Guest,
    /// Lead a load beside another, which shows no progress.
    Hedge(Box<Hedge>),
    /// Run a body of the call's own, at once or after this pause.
    Own(Duration),
    /// Run the call's body, and nothing else: the cache is disabled.
    Uncached,
    Read,
}

/// A load beside another of the same process.
pub(crate) struct Hedge {
    pub(super) baton: Leader,
    /// The call's place in the flight that was overtaken.
    pub(super) overtaken: Joiner,
    pub(super) attempt: Attempt,
}

/// A call whose way through the engine is over, and what it is served.
pub(crate) type Done<'a> = (Box<Call<'a>>, Served);

/// What a call is served.
pub(crate) enum Served {
    /// The result of its own body, which ran under the lease or without it.
    Own(RequestResult),
    /// A value for the caller's future to decode.
    Value(Encoded, RequestResult),
    /// The error of another caller's body.
    Failed(SharedErr),
    /// Nothing yet: a task is to lead this load in place of the call.
    Detach(Box<Next>),
    /// Nothing: the call is made inside the load that it would wait for.
    Recursive,
}

impl Served {
    /// How the call is served, for those who count; `None` if it is not served.
    pub(crate) fn result(&self) -> Option<RequestResult> {
        match self {
            Self::Own(result) | Self::Value(_, result) => Some(*result),
            Self::Failed(_) => Some(RequestResult::Joined),
            Self::Detach(_) | Self::Recursive => None,
        }
    }
}

impl From<Box<Held>> for Next {
    fn from(held: Box<Held>) -> Self {
        let Held { value, result } = *held;
        Self::Serve(Served::Value(value, result))
    }
}

impl Next {
    /// Whether the call is to lead a load.
    pub(super) fn leads(&self) -> bool {
        matches!(self, Self::Lead(..) | Self::Hedge(_))
    }

    /// How a call goes on after the landing that it waited for.
    pub(super) fn after(call: &Call<'_>, landing: Landing) -> Self {
        match landing {
            Landing::Value { ref origin, .. } | Landing::Failed { ref origin, .. }
                if !call.may_have(origin) =>
            {
                Self::Read
            }
            Landing::Value { value, .. } => {
                Self::Serve(Served::Value(value, RequestResult::Joined))
            }
            Landing::Failed { error, .. } => Self::Serve(Served::Failed(error)),
            // The load that a forced call has found may have begun before the call, which then has not loaded yet.
            Landing::NotShared { .. } if call.is_forced() && call.rounds == 0 => Self::Read,
            Landing::NotShared { pause } => Self::Own(pause),
            Landing::ReadAgain => Self::Read,
        }
    }
}
