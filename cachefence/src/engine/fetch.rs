//! One call, from its first look to its result.

use std::future::Future;
use std::ops::ControlFlow::{Break, Continue};
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decide::Then;
use super::within::{is_within, within};
use super::{Call, Engine, Made, Next, Recursive, Step};
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
    /// # Errors
    ///
    /// [`Recursive`], with `recompute` not polled, if this call is made from inside the recompute
    /// that it would have to wait for.
    pub(crate) async fn fetch<T, E, S>(
        &self,
        key: &Key,
        policy: &Policy,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<Result<T, E>, Recursive>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut call = Call::new(key, policy);
        let look = self.look(&mut call).await;
        let then = match self.decide(&mut call, look) {
            Then::Serve(value) => return Ok(Ok(value)),
            then => then,
        };
        self.serve::<T, E, S>(call, then, recompute).await
    }

    /// Goes on with a call that has looked and is not served yet.
    pub(super) fn serve<T, E, S>(
        &self,
        call: Call<'_>,
        then: Then<T>,
        mut recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> impl Future<Output = Result<Result<T, E>, Recursive>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        async move {
            // An `E` that is not `Send` must not be kept across an await, so it ends here each time.
            let next = match self.follow::<T, E, S>(&call, then, recompute.as_mut()).await {
                Break(result) => return Ok(result),
                Continue(next) => next,
            };
            Box::pin(self.start_again::<T, E, S>(call, next, recompute)).await
        }
    }

    /// Starts again as often as it takes: few calls come here.
    async fn start_again<T, E, S>(
        &self,
        mut call: Call<'_>,
        mut next: Next,
        mut recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Result<Result<T, E>, Recursive>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        let mut rounds = 0;
        loop {
            match next {
                Next::Again => rounds += 1,
                Next::Overdue => rounds = MOST_ROUNDS,
                Next::Alone => return Ok(self.alone(&call, recompute).await),
                Next::Recursive => return Err(Recursive),
            }
            let again = rounds < MOST_ROUNDS;
            next = match self.round::<T, E, S>(&mut call, again, recompute.as_mut()).await {
                Break(result) => return Ok(result),
                Continue(next) => next,
            };
        }
    }

    async fn round<T, E, S>(
        &self,
        call: &mut Call<'_>,
        again: bool,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> Step<Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        if !again {
            return self.overdue::<T, E, S>(call, recompute).await;
        }
        let look = self.look(call).await;
        let then = self.decide(call, look);
        self.follow::<T, E, S>(call, then, recompute).await
    }

    /// Does what was decided. In boxes: what leads is large, and what waits should not be.
    fn follow<T, E, S>(
        &self,
        call: &Call<'_>,
        then: Then<T>,
        recompute: Pin<&mut impl Future<Output = Result<Made<T>, E>>>,
    ) -> impl Future<Output = Step<Result<T, E>>>
    where
        T: Serialize + DeserializeOwned,
        S: Share<E>,
    {
        async move {
            match then {
                Then::Serve(value) => Break(Ok(value)),
                Then::Lead(baton, attempt) => {
                    Box::pin(self.lead::<T, E, S>(call, baton, attempt, recompute)).await
                }
                Then::Join(member, attempt) => {
                    Box::pin(self.join::<T, E, S>(call, member, attempt, recompute)).await
                }
                Then::Fail(Recursive) => Continue(Next::Recursive),
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
