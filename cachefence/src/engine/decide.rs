//! What a call does about what it has found.

use serde::de::DeserializeOwned;

use super::flight::Entered;
use super::lead::Attempt;
use super::look::Look;
use super::{Call, Engine, Joiner, Leader};
use crate::freshness::{Freshness, Life, freshness};
use crate::options::Policy;
use crate::share::{Decoded, ShareValue};
use crate::store::{Kind, Snapshot};

/// How a call goes on.
pub(super) enum Then<T> {
    Look,
    Serve(T),
    /// Rebuild, for all who join.
    Lead(Leader, Attempt<T>),
    /// Wait for somebody's rebuild.
    Join(Joiner, Attempt<T>),
    /// Rebuild without the lock, or wait for who does.
    Overdue,
    /// It is made by the recompute that it would wait for.
    Fail,
}

impl Engine {
    /// Decides, and enters the flight where there is one to enter.
    pub(super) fn decide<T: DeserializeOwned, S: ShareValue<T>>(
        &self,
        call: &mut Call<'_>,
        look: Look,
    ) -> Then<T> {
        let mut attempt = Attempt::default();
        match look {
            Look::Found(found, decoded, asked) => {
                let judged = match self.judge::<T, S>(call, &found, &decoded) {
                    (Freshness::Fresh, Some(value)) => return Then::Serve(value),
                    judged => judged,
                };
                call.spent.add_since(asked);
                match judged {
                    (Freshness::Early | Freshness::Revalidate, Some(value)) => {
                        return match self.rebuilds.lead(call.key.as_str()) {
                            Some(baton) => {
                                Then::Lead(baton, Attempt::refresh(found.revision, Some(value)))
                            }
                            None => Then::Serve(value),
                        };
                    }
                    (Freshness::IfError, held) => {
                        if held.is_some() {
                            call.may_give_up();
                        }
                        (attempt.seen, attempt.held) = (Some(found.revision), held.map(Box::new));
                    }
                    _ => attempt.seen = Some(found.revision),
                }
            }
            Look::Nothing => {}
            Look::Unavailable => attempt.reachable = false,
            Look::Underway(_) if self.is_within(call.key) => return Then::Fail,
            Look::Underway(member) => {
                call.started_waiting(&self.tickets);
                attempt.looked = false;
                return Then::Join(member, attempt);
            }
        }
        if self.is_within(call.key) {
            return Then::Fail;
        }
        call.started_waiting(&self.tickets);
        // Whoever comes later and looks may find something to fall back on.
        let cold = attempt.held.is_none();
        match self.rebuilds.enter(call.key.as_str(), cold) {
            Entered::Leads(baton) => Then::Lead(baton, attempt),
            Entered::Joins(member) => Then::Join(member, attempt),
        }
    }

    /// What to do with an entry that was found, and its value if that can be served.
    #[inline]
    pub(super) fn judge<T: DeserializeOwned, S: ShareValue<T>>(
        &self,
        call: &Call<'_>,
        found: &Snapshot,
        decoded: &Decoded,
    ) -> (Freshness, Option<T>) {
        let draw = || self.draws.draw(call.key.fingerprint(), found.delta, found.now);
        match freshness_of(call, found, draw) {
            Freshness::Expired => (Freshness::Expired, None),
            valid => (valid, S::value(decoded, || self.codec.decode(&found.payload).ok())),
        }
    }

    /// The value of an entry that can be served as it is.
    pub(super) fn servable<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        found: &Snapshot,
    ) -> Option<T> {
        match freshness_of(call, found, NEVER_EARLY) {
            Freshness::Fresh => self.codec.decode(&found.payload).ok(),
            _ => None,
        }
    }

    /// What is in the store and may be served because the recompute failed.
    pub(super) async fn stale<T: DeserializeOwned>(&self, call: &Call<'_>) -> Option<T> {
        let found = self.look_past_rebuilds(call).await?;
        match freshness_of(call, &found, NEVER_EARLY) {
            Freshness::Expired => None,
            _ => self.codec.decode(&found.payload).ok(),
        }
    }
}

/// A draw by which nothing is refreshed early.
const NEVER_EARLY: fn() -> f64 = || 1.0;

fn freshness_of(call: &Call<'_>, found: &Snapshot, draw: impl FnOnce() -> f64) -> Freshness {
    // A mark is no value, and no window reaches through it.
    if found.kind != Kind::Value {
        return Freshness::Expired;
    }
    let Snapshot { delta, expiry, retry_at, .. } = *found;
    let Policy { beta, stale, .. } = *call.policy;
    freshness(Life { delta, expiry, retry_at }, beta, stale, found.now, draw)
}
