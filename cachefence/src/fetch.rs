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

use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::cache::CacheFence;
use crate::codec::AnyCodec;
use crate::engine::body::{Body, Ended, poll_in_turn};
use crate::engine::{
    self, Call, Encoded, Engine, FirstRead, Held, Mark, Next, Served, ToDetach, Waited, Waits, Work,
};
use crate::error::BoxError;
use crate::observe::{BypassReason, LoadOutcome, PANICKED, RequestResult, Uncached};
use crate::options::Policy;
use crate::race::{First, race};
use crate::request::Request;
use crate::share::{Decoded, KeepError, Share};
use crate::time::sleep_until;
use crate::verify::Function;

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
    share: S,
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
        (into_result, share): (IntoResult<R, T, E>, S),
        body: B,
    ) -> Self {
        let (engine, run) = (cache.engine(), Run::NotYet(body));
        Self { engine, request, policy, into_result, run, share }
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
            Box::pin(self.serve(not_served)).await.map_err(Unserved::into_fetch)
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
                let value = decode::<T, E, S>(self.engine, &encoded);
                if value.is_ok() {
                    self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
                }
                // A value that does not decode is read again, as one that is to be loaded.
                return value.map_err(|_| Box::new((self.call(), Next::Read, None)));
            }
            FirstRead::NotFresh(read) => {
                let (mut call, found) = *read;
                let next = engine::decide(self.engine, &mut call, found, &mut |encoded| {
                    value = Some(decode::<T, E, S>(self.engine, encoded)?);
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

    /// Takes a call that was not served at once to its end.
    fn serve(
        mut self,
        not_served: Box<NotServed<'a, T>>,
    ) -> impl Future<Output = Result<Result<T, E>, Unserved<'a, Self>>> {
        async move {
            // The future keeps its arguments to its end, so they are one box, which is empty from here on.
            let (mut call, mut next, _) = unboxed(not_served);
            let engine = self.engine;
            let (body, mut own) = (Body::new(engine, self.request.key()), None);
            loop {
                let work = engine::serve(engine, &mut call, next, &body);
                let (served, mut not_kept) = self.drive(work, &body, &mut own).await;
                let how = served.as_ref().and_then(Served::result);
                if let Some(panic) = body.take_panic()
                    && !matches!(served, Some(Served::Value(..)))
                {
                    if call.is_unwaited() {
                        engine.observers.swallowed_error(self.request.key(), PANICKED);
                    }
                    resume_unwind(panic);
                }
                let result = match served {
                    Some(Served::Value(value, _)) => {
                        // The error that the value stands in for is given to nobody.
                        if let Some(Err(kept)) = own.take() {
                            swallowed::<T, E, S>(engine, self.request, &S::own(kept));
                        }
                        if let Some(error) = not_kept.take() {
                            swallowed::<T, E, S>(engine, self.request, &error);
                        }
                        decode_shared::<T, E, S>(engine, self.request, &value).map(Ok)
                    }
                    Some(Served::Failed(error)) => self.share.unpack(&*error).map(Err),
                    Some(Served::Recursive) => return Err(Unserved::Recursive(self)),
                    Some(Served::Detach(next)) => {
                        return Err(Unserved::Detach(Box::new((self, call, *next))));
                    }
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
                    None => next = Next::Own(Duration::ZERO),
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
            let mut poll_body = |cx: &mut Context<'_>| {
                self.poll_body(Within::Load, cx).map(|returned| {
                    let (ended, error) = self.end(returned, own, body.is_awaited());
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

    /// Takes in what the body `returned`, for which others may be waiting: keeps the result in `own`. Returns how
    /// the body ended, and its error if that cannot be kept.
    fn end(&self, returned: R, own: &mut Own<T, E, S>, is_awaited: bool) -> (Ended, Option<E>) {
        match (self.into_result)(returned).map_err(|error| self.share.part(error)) {
            Ok(value) => {
                let ended = self.encode(&value, is_awaited);
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

    /// The `value` as other callers are given it, and as it is stored if it comes back from there as it is.
    fn encode(&self, value: &T, is_awaited: bool) -> Ended {
        let codec = &self.engine.codec;
        let function = Function::of::<T>(self.request.key());
        let encoded = codec.encode(value).map(Bytes::from);
        let verified =
            engine::verify(self.engine, self.request.key(), function, encoded, &mut |encoded| {
                let decoded = codec.decode(encoded)?;
                Ok(S::difference(value, &decoded))
            });
        let decoded = Decoded::for_many();
        let is_left = (is_awaited || verified.is_err()) && S::leave(&decoded, value);
        match verified {
            Ok(payload) => {
                let value_of = Encoded { payload, decoded };
                Ended::Value { value: value_of, ttl: self.request.lifetime.of(value) }
            }
            Err(payload) => {
                let payload = payload.or_else(|| is_left.then(Bytes::new));
                Ended::Unstorable(payload.map(|payload| Encoded { payload, decoded }))
            }
        }
    }
}

/// A body in a box, so that one type serves the call and the task that may lead a load in its place.
pub(crate) type BoxedBody<'a, F> = Box<dyn FnOnce() -> F + Send + 'a>;

/// A call whose loads tasks lead.
type Detaching<'a, T, E, S, R, F> = Fetch<'a, T, E, S, R, BoxedBody<'a, F>, F>;

/// The task of a load, whose output is the result of the load; `None` if the load was for nobody any more.
type LoadTask<T, E> = JoinHandle<Option<Result<T, E>>>;

impl<'a, T, E, S, R, F> Detaching<'a, T, E, S, R, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    R: 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    F: Future<Output = R> + Send + 'static,
{
    /// As [`fetch`](Self::fetch), except that tasks lead the loads. A load runs in the call where there is no
    /// runtime for a task, or where as many loads run as may of which nobody waits for any.
    pub(crate) fn fetch_detached(self) -> impl Future<Output = Result<Result<T, E>, Self>> {
        async move {
            if let Some(value) = self.fresh_at_once() {
                self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
                return Ok(Ok(value));
            }
            let read = engine::first_read(self.engine, self.call()).await;
            let mut not_served = match self.take(read) {
                Ok(value) => return Ok(Ok(value)),
                Err(not_served) => not_served,
            };
            not_served.0.detach(true);
            Box::pin(self.serve_detached(not_served)).await
        }
    }

    /// As [`serve`](Self::serve), with tasks that lead.
    async fn serve_detached(
        self,
        mut not_served: Box<NotServed<'a, T>>,
    ) -> Result<Result<T, E>, Self> {
        let (engine, request) = (self.engine, self.request);
        let held = not_served.2.take();
        let (fetch, call, next) = match self.serve(not_served).await {
            Ok(result) => return Ok(result),
            Err(Unserved::Recursive(fetch)) => return Err(fetch),
            Err(Unserved::Detach(unserved)) => *unserved,
        };
        let load = match ToDetach::new(next) {
            Ok(load) => load,
            Err(next) => return fetch.serve_in_caller(call, next).await,
        };
        // A call that has a value to serve waits for nobody.
        let refreshed = load.refreshed().cloned();
        let held = refreshed.and_then(|refreshed| {
            let held =
                held.or_else(|| decode_shared::<T, E, S>(engine, request, &refreshed.value))?;
            Some((held, refreshed.result))
        });
        let runtime = engine.tasks.runtime();
        let has_room = engine.tasks.has_room(call.template());
        // Without a runtime the load runs in its caller, whatever that holds.
        if let (Some((held, how)), Some(runtime)) = (held, &runtime) {
            if has_room {
                drop(fetch.start(&call, load, runtime));
            } else {
                engine.observers.skipped_refresh(request.key());
            }
            call.served(engine, how);
            return Ok(Ok(held));
        }
        let Some(runtime) = runtime.filter(|_| has_room) else {
            return fetch.serve_in_caller(call, load.into_next()).await;
        };
        let (task, waits) = fetch.start(&call, load, &runtime);
        Ok(Self::serve_from_task(engine, request, &call, task, waits).await)
    }

    /// As [`serve`](Self::serve), from `next` on, with no task.
    async fn serve_in_caller(self, mut call: Call<'a>, next: Next) -> Result<Result<T, E>, Self> {
        call.detach(false);
        self.serve(Box::new((call, next, None))).await.map_err(Unserved::into_fetch)
    }

    /// Waits for the load that a task leads in place of the call.
    async fn serve_from_task(
        engine: &Engine,
        request: &Request<T>,
        call: &Call<'_>,
        mut task: LoadTask<T, E>,
        waits: Waits,
    ) -> Result<T, E> {
        let own = waits.own_load();
        let decode = |value: &Encoded| decode_shared::<T, E, S>(engine, request, value);
        let decode_held = |held: Box<Held>| decode(&held.value).zip(Some(held.result));
        let mut limit = None;
        let instead = match engine::wait_for_task(engine, call, waits).await {
            Waited::Value(value) => decode(&value).zip(Some(own.result())),
            Waited::TakesTooLong(held) => decode_held(held),
            Waited::Failed(held) => match held.and_then(decode_held) {
                // Else another load has failed, beside this one, which hangs.
                Some((held, how)) if own.has_ended() => {
                    let value = Self::value_of(engine, request, task).await;
                    let (value, how) = value.map_or((held, how), |value| (value, own.result()));
                    call.served(engine, how);
                    return Ok(value);
                }
                instead => instead,
            },
            Waited::OwnResult(held, until) => {
                limit = held.zip(until);
                None
            }
        };
        if let Some((value, how)) = instead {
            call.served(engine, how);
            return Ok(value);
        }
        let until = limit.as_ref().map(|(_, until)| *until);
        let ended = match race(Pin::new(&mut task), pin!(sleep_until(until))).await {
            First::A(ended) => ended,
            First::B(()) => {
                if let Some((value, how)) = limit.and_then(|(held, _)| decode_held(held)) {
                    call.served(engine, how);
                    return Ok(value);
                }
                task.await
            }
        };
        match ended {
            Ok(Some(result)) => {
                call.served(engine, own.result());
                result
            }
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down. The task that waits here ends with the runtime.
            Ok(None) | Err(_) => pending().await,
        }
    }

    /// The value of a task's load, which others could not be given. `None` if the load has failed, which is told of.
    async fn value_of(engine: &Engine, request: &Request<T>, task: LoadTask<T, E>) -> Option<T> {
        match task.await {
            Ok(Some(Ok(value))) => return Some(value),
            Ok(Some(Err(error))) => swallowed::<T, E, S>(engine, request, &error),
            Err(error) if error.is_panic() => {
                engine.observers.swallowed_error(request.key(), PANICKED);
            }
            Ok(None) | Err(_) => {}
        }
        None
    }

    /// Has a task lead the load in place of the call.
    fn start(self, call: &Call<'a>, load: ToDetach, runtime: &Handle) -> (LoadTask<T, E>, Waits) {
        let Self { engine, request, policy, into_result, run, share } = self;
        let run: Run<BoxedBody<'static, F>, F> = match run {
            // The copies of borrowed arguments are made here.
            Run::NotYet(body) => {
                Run::Running(Box::pin(body()), Some(Mark::new(engine, request.key())))
            }
            Run::Running(body, mark) => Run::Running(body, mark),
            Run::Over => Run::Over,
        };
        let (next, waits, in_task) = load.begin(engine, call);
        let (engine, request, policy) = (Arc::clone(engine), request.clone(), *policy);
        let (tasks, state) = (Arc::clone(&engine.tasks), in_task.state());
        let call = call.for_task(&state);
        let work = async move {
            let (engine, request, policy) = (&engine, &request, &policy);
            let fetch: Detaching<'_, T, E, S, R, F> =
                Fetch { engine, request, policy, into_result, run, share };
            let served =
                fetch.serve(Box::new((call.with(request.key(), policy), next, None))).await;
            let result = match served.map_err(Unserved::into_fetch) {
                Ok(result) => result,
                Err(fetch) => fetch.run_uncached(BypassReason::Recursive).await,
            };
            if let (Err(error), false) = (&result, state.is_waited_for()) {
                swallowed::<T, E, S>(engine, request, error);
            }
            state.note_result();
            result
        };
        (tasks.load(runtime, in_task.run(Box::pin(work))), waits)
    }
}

/// How a call ends that is not served: its body has not run.
pub(crate) enum Unserved<'a, F> {
    /// It is made inside the load that it would have to wait for.
    Recursive(F),
    /// A task is to lead a load in its place.
    Detach(Box<(F, Call<'a>, Next)>),
}

impl<F> Unserved<'_, F> {
    fn into_fetch(self) -> F {
        match self {
            Self::Recursive(fetch) => fetch,
            Self::Detach(unserved) => unserved.0,
        }
    }
}

/// Decodes a value for one call.
fn decode<T: DeserializeOwned, E, S: Share<T, E>>(
    engine: &Engine,
    value: &Encoded,
) -> Result<T, BoxError> {
    S::value(&value.decoded, || engine.codec.decode(&value.payload))
}

/// The value of another caller's load; `None` if it is of another type, which is told of.
fn decode_shared<T: DeserializeOwned, E, S: Share<T, E>>(
    engine: &Engine,
    request: &Request<T>,
    value: &Encoded,
) -> Option<T> {
    let tell = |error: &BoxError| engine.observers.undecodable_entry(request.key(), &**error);
    decode::<T, E, S>(engine, value).inspect_err(tell).ok()
}

/// Tells of an error that nobody is given.
fn swallowed<T, E, S: Share<T, E>>(engine: &Engine, request: &Request<T>, error: &E) {
    engine.observers.swallowed_error(request.key(), &S::describe(error));
}

#[allow(clippy::boxed_local)] // which is the point
fn unboxed<V>(value: Box<V>) -> V {
    *value
}

/// Finds out whether `payload` is a value of type `T`.
fn decodes<T: DeserializeOwned>(codec: &AnyCodec, payload: &[u8]) -> Result<(), BoxError> {
    codec.decode::<T>(payload).map(drop)
}
