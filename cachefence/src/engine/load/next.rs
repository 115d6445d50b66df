//! How a call goes on, and what it is served in the end.

use crate::engine::call::{Attempt, Call};
use crate::engine::landing::{Encoded, Joiner, Landing, Leader};
use crate::share::SharedErr;

/// How a call goes on.
pub(crate) enum Next {
    Serve(Served),
    /// Load, for all who join.
    Lead(Leader, Attempt),
    /// Wait for somebody's load.
    Join(Joiner, Attempt),
    /// Load without a lease, or wait for the guest that does: somebody else's load has been waited for
    /// long enough.
    Guest,
    /// Run the body for this call only.
    Own,
    Read,
}

/// What a call is served.
pub(crate) enum Served {
    /// The result of its own body.
    Own,
    /// A value for the caller's future to decode.
    Value(Encoded),
    /// The error of another's body.
    Failed(SharedErr),
    /// Nothing: it is made by the load that it would wait for.
    Recursive,
}

impl Next {
    /// What the landing of a load means for a call that waited for it.
    pub(super) fn after(call: &Call<'_>, landing: Landing) -> Self {
        match landing {
            Landing::Value { origin, .. } | Landing::Failed { origin, .. }
                if !call.may_have(origin) =>
            {
                Self::Read
            }
            Landing::Value { value, .. } => Self::Serve(Served::Value(value)),
            Landing::Failed { error, .. } => Self::Serve(Served::Failed(error)),
            Landing::NotShared => Self::Own,
            Landing::ReadAgain => Self::Read,
        }
    }
}
