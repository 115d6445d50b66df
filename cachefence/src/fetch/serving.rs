//! A call that is neither served at once nor over: the engine works for it, and its body may run.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::Convert;
use super::{Fetch, decode_shared, swallowed};
use crate::engine::body::{Body, poll_in_turn};
use crate::engine::{self, Call, Done, Next, Served, Work};
use crate::observe::PANICKED;
use crate::share::{KeepError, Share};

/// A call that is neither served at once nor over.
pub(super) struct Serving<'a, T, E, S: KeepError<E>> {
    /// The engine's work for the call.
    work: Work<'a, Done<'a>>,
    /// The end of that work. In a box, because each call that waits has room for it.
    done: Option<Box<Done<'a>>>,
    body: Arc<Body<'a>>,
    /// The result of the call's own body, as it is kept while other callers are told of it.
    own: Option<Result<T, S::Kept>>,
}

/// How a call ends that is not served: its body has not run.
pub(super) enum Unserved<'a> {
    /// The call is made inside the load that it would have to wait for.
    Recursive,
    /// A task is to lead a load in place of the call.
    Detach(Box<Call<'a>>, Box<Next>),
}

impl<'a, T, E, S, K, B, F> Fetch<'a, T, E, S, K, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    K: Convert<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = K::Returned>,
{
    /// Takes a call that was not served at once on its way.
    #[allow(clippy::unnecessary_box_returns)] // a caller keeps little on its stack
    pub(super) fn begin_serving(
        &self,
        call: Box<Call<'a>>,
        next: Next,
    ) -> Box<Serving<'a, T, E, S>> {
        let body = Arc::new(Body::new(self.engine, self.request.key()));
        let work = engine::serve(self.engine, call, next, Arc::clone(&body));
        Box::new(Serving { work, done: None, body, own: None })
    }

    /// Polls the engine's work and, while the engine wants it, the body. Returns whether there is something to
    /// [conclude](Self::conclude). An error that cannot be kept while the engine tells others of it is put into
    /// `not_kept`.
    ///
    /// A body that calls a cached function polls that function's body in here, and so on. So this and all on the way
    /// keep little on the stack.
    pub(super) fn drive(
        &mut self,
        serving: &mut Serving<'a, T, E, S>,
        not_kept: &mut Option<E>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Serving { work, done, body, own } = serving;
        let mut poll_body = |cx: &mut Context<'_>| self.poll_for_load(body, own, not_kept, cx);
        poll_in_turn(work, body, &mut poll_body, done, cx)
    }

    /// Takes in what the engine serves. `None` if the call goes on.
    pub(super) fn conclude(
        &self,
        serving: &mut Serving<'a, T, E, S>,
        not_kept: &mut Option<E>,
    ) -> Option<Result<Result<T, E>, Unserved<'a>>> {
        let (engine, request) = (self.engine, self.request);
        let Serving { work, done, body, own } = serving;
        let (call, served) = done.take().map(|done| *done).unzip();
        let how = served.as_ref().and_then(Served::result);
        if let Some(panic) = body.take_panic()
            && !matches!(served, Some(Served::Value(..)))
        {
            if call.is_some_and(|call| call.is_unwaited()) {
                engine.observers.swallowed_error(request.key(), PANICKED);
            }
            resume_unwind(panic);
        }
        let result = match served {
            Some(Served::Value(value, _)) => {
                // The error that the value stands in for is given to nobody.
                if let Some(Err(kept)) = own.take() {
                    swallowed::<T, E, S>(engine, request, &S::own(kept));
                }
                if let Some(error) = not_kept.take() {
                    swallowed::<T, E, S>(engine, request, &error);
                }
                decode_shared::<T, E, S>(engine, request, &value).map(Ok)
            }
            Some(Served::Failed(error)) => self.share.unpack(&*error).map(Err),
            Some(Served::Recursive) => return Some(Err(Unserved::Recursive)),
            Some(Served::Detach(next)) => {
                let detach = |call| Unserved::Detach(call, next);
                return Some(Err(call.map_or(Unserved::Recursive, detach)));
            }
            Some(Served::Own(_)) | None => own.take().map(|own| own.map_err(S::own)),
        };
        match (result.or_else(|| not_kept.take().map(Err)), call) {
            (Some(result), call) => {
                if let (Some(how), Some(call)) = (how, call) {
                    call.served(engine, how);
                }
                Some(Ok(result))
            }
            // A call for the same key, but of another type, has shared its result. This call runs its own body
            // instead.
            (None, Some(call)) => {
                *work = engine::serve(engine, call, Next::Own(Duration::ZERO), Arc::clone(body));
                None
            }
            // A body has ended without a result, which cannot be. It runs without the cache if it can.
            (None, None) => Some(Err(Unserved::Recursive)),
        }
    }

    /// As [`fetch`](Self::fetch), for a call that was not served at once.
    pub(super) fn serve(
        &mut self,
        call: Box<Call<'a>>,
        next: Next,
    ) -> impl Future<Output = Result<Result<T, E>, Unserved<'a>>> {
        let mut serving = self.begin_serving(call, next);
        poll_fn(move |cx| {
            let mut not_kept = None;
            loop {
                if !self.drive(&mut serving, &mut not_kept, cx) {
                    return Poll::Pending;
                }
                if let Some(ended) = self.conclude(&mut serving, &mut not_kept) {
                    return Poll::Ready(ended);
                }
            }
        })
    }
}
