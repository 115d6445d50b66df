//! One call of a cache, as far as its types matter.
//!
//! The engine moves bytes about and knows neither the value's type nor the error's nor the body's (see
//! [`crate::engine::body`]). [`Fetch`] is the rest: it decodes what was found, runs the body while the
//! engine wants it, and encodes what the body returns. All of it is compiled for each function that is
//! cached, so it is thin.
//!
//! The future of a caller that waits has to be small, because there may be many of them. So what only
//! some callers need is boxed when they need it, and functions return an `async` block rather than being
//! `async fn`s, whose futures hold their arguments twice.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cache::CacheFence;
use crate::codec::AnyCodec;
use crate::engine::body::{Body, Ended, Use, poll_in_turn};
use crate::engine::{
    self, Call, Encoded, Engine, FirstRead, InBackground, Mark, Next, Served, Task, Waited, Work,
    in_background,
};
use crate::error::BoxError;
use crate::observe::{BypassReason, LeaseLoss, LoadOutcome, RequestResult, Uncached};
use crate::options::Policy;
use crate::request::Request;
use crate::share::{KeepError, Share};
use crate::time::spawn;

/// Turns what a body returns into a result.
pub(crate) type IntoResult<R, T, E> = fn(R) -> Result<T, E>;

/// A call: which key it asks for on which options, and its body, which returns an `R`. `S` says how its
/// result is shared.
pub(crate) struct Fetch<'a, T, E, S, R, B, F> {
    engine: &'a Arc<Engine>,
    request: &'a Request<T>,
    policy: &'a Policy,
    into_result: IntoResult<R, T, E>,
    run: Run<B, F>,
    share: PhantomData<fn() -> S>,
}

/// A body, before, while and after it runs. Only a running body takes room, in a box, because most calls
/// never run theirs.
enum Run<B, F> {
    NotYet(B),
    Running(Pin<Box<F>>, Option<Mark>),
    Over,
}

/// Whether a body is run for a load, and so may not ask for the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Load,
    NoLoad,
}

/// How a call goes on that its first read does not serve, with the value that it holds meanwhile.
type NotServed<'a, T> = (Call<'a>, Next, Option<T>);

/// The result of a call's own body, as it is kept while other callers are told of it.
type Own<T, E, S> = Option<Result<T, <S as KeepError<E>>::Kept>>;

impl<'a, T, E, S, R, B, F> Fetch<'a, T, E, S, R, B, F> {
    pub(crate) fn new(
        cache: &'a CacheFence,
        request: &'a Request<T>,
        policy: &'a Policy,
        into_result: IntoResult<R, T, E>,
        body: B,
    ) -> Self {
        let (engine, run) = (cache.engine(), Run::NotYet(body));
        Self { engine, request, policy, into_result, run, share: PhantomData }
    }
}

impl<'a, T, E, S, R, B, F> Fetch<'a, T, E, S, R, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = R>,
{
    /// Serves the call: from the store, from another caller's load, or by its body, which is polled in
    /// this future only.
    ///
    /// This is no `async fn`, here and below, because its future would hold its arguments twice.
    ///
    /// # Errors
    ///
    /// `self`, its body not run, if the call is made from inside the load that it would have to wait for.
    pub(crate) fn fetch(self) -> impl Future<Output = Result<Result<T, E>, Self>> {
        async move {
            if let Some(value) = self.fresh_at_once() {
                self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
                return Ok(Ok(value));
            }
            let read = engine::first_read(self.engine, self.call()).await;
            let not_served = match self.take(read) {
                Ok(value) => return Ok(Ok(value)),
                Err(not_served) => not_served,
            };
            // Boxed, so that a call that is served at once does not carry what waiting needs.
            Box::pin(self.serve(not_served)).await
        }
    }

    /// The value that is there, if it is fresh and the store answers at once.
    fn fresh_at_once(&self) -> Option<T> {
        let payload = engine::fresh_at_once(self.engine, self.request.key(), self.policy)?;
        // A value that does not decode is read again, and told of then.
        self.engine.codec.decode(&payload).ok()
    }

    fn call(&self) -> Call<'a> {
        Call::new(self.request.key(), self.policy, decodes::<T>)
    }

    /// Takes in what the first read came to: the value, or how the call goes on, with the value that it
    /// holds meanwhile.
    fn take(&self, read: FirstRead<'a>) -> Result<T, Box<NotServed<'a, T>>> {
        let mut value = None;
        let (call, next) = match read {
            FirstRead::Fresh(encoded) => {
                let value = Self::decode(self.engine, &encoded);
                if value.is_ok() {
                    self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
                }
                // A value that does not decode is read again, as one that is to be loaded.
                return value.map_err(|_| Box::new((self.call(), Next::Read, None)));
            }
            FirstRead::NotFresh(read) => {
                let (mut call, found) = *read;
                let next = engine::decide(self.engine, &mut call, found, &mut |encoded| {
                    value = Some(Self::decode(self.engine, encoded)?);
                    Ok(())
                });
                (call, next)
            }
        };
        match (next, value) {
            (Next::Serve(Served::Value(_, result)), Some(value)) => {
                call.served(self.engine, result);
                Ok(value)
            }
            (next, held) => Err(Box::new((call, next, held))),
        }
    }

    fn decode(engine: &Engine, value: &Encoded) -> Result<T, BoxError> {
        S::value(&value.decoded, || engine.codec.decode(&value.payload))
    }

    /// The value of another caller's load; `None` if it is of another type, which is told of.
    fn decode_shared(&self, value: &Encoded) -> Option<T> {
        let tell = |error: &BoxError| {
            self.engine.observers.undecodable_entry(self.request.key(), &**error);
        };
        Self::decode(self.engine, value).inspect_err(tell).ok()
    }

    /// Tells of an error that nobody is given.
    fn swallowed(&self, error: &E) {
        self.engine.observers.swallowed_error(self.request.key(), &S::describe(error));
    }

    /// Takes a call that was not served at once to its end.
    fn serve(
        mut self,
        not_served: Box<NotServed<'a, T>>,
    ) -> impl Future<Output = Result<Result<T, E>, Self>> {
        async move {
            // The future keeps its arguments to its end, so they are one box, which is empty from here on.
            let (mut call, mut next, _) = unboxed(not_served);
            let engine = self.engine;
            let (body, mut own) = (Body::new(engine, self.request.key()), None);
            loop {
                let work = engine::serve(engine, &mut call, next, &body);
                let (served, mut not_kept) = self.drive(work, &body, &mut own).await;
                let how = served.as_ref().and_then(Served::result);
                let result = match served {
                    Some(Served::Value(value, _)) => {
                        // The error that the value stands in for is given to nobody.
                        if let Some(Err(kept)) = own.take() {
                            self.swallowed(&S::own(kept));
                        }
                        not_kept.take().inspect(|error| self.swallowed(error));
                        self.decode_shared(&value).map(Ok)
                    }
                    Some(Served::Failed(error)) => S::unpack(&*error).map(Err),
                    Some(Served::Recursive) => return Err(self),
                    Some(Served::Own(_)) | None => own.take().map(|own| own.map_err(S::own)),
                };
                let result = result.or(not_kept.map(Err));
                match result {
                    Some(result) => {
                        how.inspect(|how| call.served(engine, *how));
                        return Ok(result);
                    }
                    // A call for the same key, but of another type, has shared its result. This call runs
                    // its own body instead.
                    None => next = Next::Own,
                }
            }
        }
    }

    /// Runs the body without the cache, for this `reason`.
    pub(crate) fn run_uncached(
        mut self,
        reason: BypassReason,
    ) -> impl Future<Output = Result<T, E>> {
        let mut load = Uncached::begin(&self.engine.observers, self.request.key(), reason);
        poll_fn(move |cx| {
            let mut polled = Poll::Pending;
            load.poll(&mut || {
                polled = self.poll_body(Within::NoLoad, cx).map(self.into_result);
                match &polled {
                    Poll::Ready(Ok(_)) => Some(LoadOutcome::NotCached),
                    Poll::Ready(Err(_)) => Some(LoadOutcome::Failed),
                    Poll::Pending => None,
                }
            });
            polled
        })
    }

    /// Polls the engine's `work` and, while the engine wants it, the body. Returns what the call is served,
    /// and the body's error if that cannot be kept while the engine tells others of it.
    fn drive(
        &mut self,
        mut work: Work<'_, Option<Served>>,
        body: &Body<'_>,
        own: &mut Own<T, E, S>,
    ) -> impl Future<Output = (Option<Served>, Option<E>)> {
        poll_fn(move |cx| {
            let mut not_kept = None;
            let mut poll_body = |wanted, cx: &mut Context<'_>| {
                self.poll_body(Within::Load, cx).map(|returned| {
                    let (ended, error) = self.end(returned, wanted, own);
                    not_kept = error;
                    ended
                })
            };
            let polled = poll_in_turn(work.as_mut(), body, &mut poll_body, cx);
            polled.map(|served| (served, not_kept))
        })
    }

    fn poll_body(&mut self, within: Within, cx: &mut Context<'_>) -> Poll<R> {
        self.run = match mem::replace(&mut self.run, Run::Over) {
            Run::NotYet(body) => {
                let mark =
                    (within == Within::Load).then(|| Mark::new(self.engine, self.request.key()));
                let _inside = mark.as_ref().map(Mark::enter);
                Run::Running(Box::pin(body()), mark)
            }
            run => run,
        };
        let Run::Running(body, mark) = &mut self.run else { return Poll::Pending };
        let inside = mark.as_ref().map(Mark::enter);
        let polled = body.as_mut().poll(cx);
        drop(inside);
        if polled.is_ready() {
            self.run = Run::Over;
        }
        polled
    }

    /// Takes in what the body `returned`: keeps the result in `own`. Returns how the body ended, and its
    /// error if that cannot be kept.
    fn end(&self, returned: R, wanted: Use, own: &mut Own<T, E, S>) -> (Ended, Option<E>) {
        match (self.into_result)(returned).map_err(S::part) {
            Ok(value) => {
                let ended = match wanted {
                    Use::Own => Ended::Value { payload: None, ttl: None },
                    Use::Shared => Ended::Value {
                        payload: self.encode(&value),
                        ttl: self.request.lifetime.of(&value),
                    },
                };
                *own = Some(Ok(value));
                (ended, None)
            }
            Err(Ok((kept, shared))) => {
                *own = Some(Err(kept));
                (Ended::Failed(shared), None)
            }
            Err(Err(error)) => (Ended::FailedNotKept, Some(error)),
        }
    }

    /// The encoded `value`, for other callers; `None` if it cannot be encoded, which is told of.
    fn encode(&self, value: &T) -> Option<Bytes> {
        let encoded = self.engine.codec.encode(value);
        encoded
            .map_err(|error| engine::not_encoded(self.engine, self.request.key(), &*error))
            .ok()
            .map(Bytes::from)
    }
}

impl<T, E, S, R, B, F> Fetch<'_, T, E, S, R, B, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    R: 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    /// As [`fetch`](Self::fetch), except that a call that holds a value never runs its body itself: a
    /// task does. Up to 256 such tasks run at a time; beyond that the value is served, and a later call
    /// refreshes it.
    pub(crate) async fn fetch_in_background(self) -> Result<Result<T, E>, Self> {
        let engine = self.engine;
        let read = engine::first_read(engine, self.call()).await;
        let (mut call, next, held) = match self.take(read).map_err(|not_served| *not_served) {
            Ok(value) => return Ok(Ok(value)),
            Err((call, next, Some(held))) => (call, next, held),
            Err(not_served) => return Box::pin(self.serve(Box::new(not_served))).await,
        };
        let held_result = next.held_result().unwrap_or(RequestResult::Stale);
        let mut next = match in_background(next) {
            Ok(next) => next,
            Err(next) => return Box::pin(self.serve(Box::new((call, next, None)))).await,
        };
        let task = loop {
            match next {
                InBackground::Lead(task) => break task,
                InBackground::Wait(waits) => match engine::wait(engine, &mut call, waits).await {
                    Waited::Value(value, result) => {
                        let (value, result) = match self.decode_shared(&value) {
                            Some(value) => (value, result),
                            None => (held, held_result),
                        };
                        call.served(engine, result);
                        return Ok(Ok(value));
                    }
                    Waited::Lead(task) => next = InBackground::Lead(task),
                    Waited::InVain => {
                        call.served(engine, held_result);
                        return Ok(Ok(held));
                    }
                },
            }
        };
        let (waits, limit) = (task.is_waited_for(), self.policy.recompute_timeout);
        let led = engine::permit(engine).and_then(|permit| self.lead_in_task(task, permit));
        if led.is_none() {
            engine.observers.skipped_refresh(call.key());
        }
        let loaded = match led.filter(|_| waits) {
            // A panic in the task has been reported by the panic hook.
            Some(led) => {
                timeout(limit.unwrap_or(Duration::MAX), led).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        let (value, result) = match loaded.flatten() {
            Some(value) => (value, RequestResult::Joined),
            None => (held, held_result),
        };
        call.served(engine, result);
        Ok(Ok(value))
    }

    /// Leads a load in a task, if there is a runtime for one. The task's output is the value, if the load
    /// gives one. A load that takes longer than `load_timeout` is dropped: nobody can be given its value,
    /// since its lease is not renewed any more.
    fn lead_in_task(
        self,
        task: Task,
        permit: OwnedSemaphorePermit,
    ) -> Option<JoinHandle<Option<T>>> {
        let Self { into_result, run, share, .. } = self;
        let engine = Arc::clone(self.engine);
        let (request, policy) = (self.request.clone(), *self.policy);
        spawn(async move {
            let _permit = permit;
            let (engine, request, policy) = (&engine, &request, &policy);
            let mut fetch = Fetch { engine, request, policy, into_result, run, share };
            let mut call = Call::in_background(request.key(), policy, decodes::<T>);
            let (body, mut own) = (Body::new(engine, request.key()), None);
            let work = engine::lead_in_task(engine, &mut call, task, &body);
            let led = timeout(policy.load_timeout, fetch.drive(work, &body, &mut own)).await;
            let Ok((served, _)) = led else {
                let (key, loss) = (request.key(), LeaseLoss::TimedOut);
                engine.observers.lease_lost(key, loss, policy.load_timeout);
                return None;
            };
            match (served, own) {
                (_, Some(Err(kept))) => {
                    // The error is left for the next reader to find out.
                    fetch.swallowed(&S::own(kept));
                    None
                }
                (Some(Served::Value(value, _)), _) => fetch.decode_shared(&value),
                (Some(Served::Own(_)), Some(Ok(value))) => Some(value),
                (Some(_) | None, _) => None,
            }
        })
    }
}

#[allow(clippy::boxed_local)] // which is the point
fn unboxed<V>(value: Box<V>) -> V {
    *value
}

/// Finds out whether `payload` is a value of type `T`.
fn decodes<T: DeserializeOwned>(codec: &AnyCodec, payload: &[u8]) -> Result<(), BoxError> {
    codec.decode::<T>(payload).map(drop)
}
