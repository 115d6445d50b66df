//! One call, from its first look to its result.

use std::future::Future;
use std::mem;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decide::Then;
use super::within::{is_within, within};
use super::{Call, Engine, Made, Next, Recursive};
use crate::key::Key;
use crate::options::Policy;
use crate::report;
use crate::share::Share;

/// How often a call starts again before it does without the lock: each time, the rebuild that it
/// waited for was not stored.
const MOST_ROUNDS: u32 = 16;

impl Engine {
    /// Serves one call: from the store, from another caller's rebuild, or by `recompute`, which is
    /// polled by at most one of these and in this future only.
    ///
    /// Not an `async fn`, here and below, which would hold its arguments twice.
    ///
    /// # Errors
    ///
    /// [`Recursive`], with `recompute` not polled, if this call is made from inside the recompute
    /// that it would have to wait for.
    pub(crate) fn fetch<T, E, S>(
        &self,
        key: &Key,
        policy: &Policy,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> impl Future<Output = Result<Result<T, E>, Recursive>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        async move {
            let serve = {
                let mut call = Call::new(key, policy);
                let then = match self.look_at_once(key) {
                    Some(look) => self.decide::<T, S>(&mut call, look),
                    None => Then::Look,
                };
                match then {
                    Then::Serve(value) => return Ok(Ok(value)),
                    // In a box: whoever is served at once does not carry what waiting takes.
                    then => Box::pin(self.serve::<T, E, S>(call, then, recompute)),
                }
            };
            serve.await
        }
    }

    /// Goes on with a call until it is served.
    pub(super) fn serve<T, E, S>(
        &self,
        mut call: Call<'_>,
        mut then: Then<T>,
        mut recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> impl Future<Output = Result<Result<T, E>, Recursive>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<T, E>,
    {
        async move {
            loop {
                // Whoever leads is in a box, since it is large and those who wait should not be. An `E` that
                // is not `Send` must not be kept across an await, so a step ends in here.
                let next = {
                    let step = match &mut then {
                        Then::Look => {
                            let look = self.look(&mut call).await;
                            then = self.decide::<T, S>(&mut call, look);
                            continue;
                        }
                        Then::Join(member, attempt) => {
                            self.join::<T, E, S>(&call, member, attempt, recompute.as_mut()).await
                        }
                        Then::Overdue => {
                            Box::pin(self.overdue::<T, E, S>(&call, recompute.as_mut())).await
                        }
                        _ => match mem::replace(&mut then, Then::Look) {
                            Then::Serve(value) => return Ok(Ok(value)),
                            Then::Lead(baton, attempt) => {
                                let recompute = recompute.as_mut();
                                Box::pin(self.lead::<T, E, S>(&call, baton, attempt, recompute))
                                    .await
                            }
                            _ => return Err(Recursive),
                        },
                    };
                    match step {
                        Break(result) => return Ok(result),
                        Continue(next) => next,
                    }
                };
                match next {
                    Next::Again => call.rounds += 1,
                    Next::Overdue => call.rounds = MOST_ROUNDS,
                    Next::Alone => return Ok(Box::pin(self.alone(&call, recompute)).await),
                }
                then = if call.rounds < MOST_ROUNDS { Then::Look } else { Then::Overdue };
            }
        }
    }

    /// Polls a recompute, with its name on it.
    pub(super) async fn run<O>(
        &self,
        call: &Call<'_>,
        recompute: Pin<&mut impl Future<Output = O>>,
    ) -> O {
        within(self.address(), call.key.as_str(), recompute).await
    }

    pub(super) fn is_within(&self, key: &Key) -> bool {
        is_within(self.address(), key.as_str())
    }

    /// Tells this engine from others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What the others are given for `value`; nothing, if it cannot be encoded.
    pub(super) fn encode<T: Serialize>(&self, key: &Key, value: &T) -> Option<Bytes> {
        match self.codec.encode(value) {
            Ok(payload) => Some(payload.into()),
            Err(error) => {
                report::not_encoded(key, &*error);
                None
            }
        }
    }
}
