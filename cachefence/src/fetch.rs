//! One call of a cache, as far as its types matter.
//!
//! The engine moves bytes about and knows neither the value's type nor the error's nor the body's (see
//! [`crate::engine::body`]). [`Fetch`] is the rest: it decodes what was found, runs the body while the
//! engine wants it, and encodes what the body returns. All of it is compiled for each function that is
//! cached, so it is thin.
//!
//! The future of a caller that waits has to be small, because there may be many of them. So what only
//! some callers need is boxed when they need it, and functions return an `async` block rather than being
//! `async fn`s, whose futures hold their arguments twice. [`Fetching`] is not even a block: a body that calls a cached
//! function polls that function's body on its own stack, and what stands between the two is as little as can be.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::marker::PhantomData;
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
use crate::convert::Convert;
use crate::engine::body::{Body, Ended, poll_in_turn};
use crate::engine::{
    self, Call, Done, Encoded, Engine, FirstRead, Held, Mark, Next, Served, ToDetach, Waited,
    Waits, Work,
};
use crate::error::{BoxError, Error};
use crate::force;
use crate::observe::{BypassReason, LoadOutcome, PANICKED, RequestResult, Uncached};
use crate::options::Policy;
use crate::race::{First, race};
use crate::request::Request;
use crate::scope;
use crate::share::{Decoded, KeepError, Share};
use crate::time::sleep_until;
use crate::verify::Function;

/// A call: which key it asks for on which options, and its body. `S` says how its result is shared, `K` what kind of call it
/// is.
pub(crate) struct Fetch<'a, T, E, S, K, B, F> {
    engine: &'a Arc<Engine>,
    request: &'a Request<T>,
    policy: &'a Policy,
    run: Run<B, F>,
    share: S,
    kind: PhantomData<fn() -> (E, K)>,
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
type NotServed<'a, T> = (Box<Call<'a>>, Next, Option<T>);

/// A call that is neither served at once nor over.
struct Serving<'a, T, E, S: KeepError<E>> {
    /// What the engine does for the call.
    work: Work<'a, Done<'a>>,
    /// What the work has come to.
    done: Option<Done<'a>>,
    body: Arc<Body<'a>>,
    /// The result of the call's own body, as it is kept while other callers are told of it.
    own: Option<Result<T, S::Kept>>,
}

impl<'a, T, E, S, K, B, F> Fetch<'a, T, E, S, K, B, F> {
    pub(crate) fn new(
        cache: &'a CacheFence,
        request: &'a Request<T>,
        policy: &'a Policy,
        share: S,
        body: B,
    ) -> Self {
        let (engine, run) = (cache.engine(), Run::NotYet(body));
        Self { engine, request, policy, run, share, kind: PhantomData }
    }
}

impl<'a, T, E, S, K, B, F> Fetch<'a, T, E, S, K, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    K: Convert<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = K::Returned>,
{
    /// Serves the call: from the store, from another caller's load, or by its body, which is polled in this future
    /// only. A call that is not `usable`, or is made from inside the load that it would have to wait for, is
    /// [refused](Convert::refusal).
    pub(crate) fn fetch(self, usable: bool) -> Fetching<'a, T, E, S, K, B, F> {
        Fetching { stage: if usable { Stage::Begin } else { Stage::Unusable }, fetch: self }
    }

    /// The value that is there, if it is fresh and the store answers at once; else the read that the call begins with.
    fn first_look(&self) -> Result<T, Work<'a, FirstRead<'a>>> {
        if let Some(value) = self.fresh_at_once() {
            self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
            return Ok(value);
        }
        Err(engine::first_read(self.engine, self.call()))
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
    fn take(&self, read: FirstRead<'a>) -> Result<T, NotServed<'a, T>> {
        let mut value = None;
        let (call, next) = match read {
            FirstRead::Fresh(encoded) => {
                let value = decode::<T, E, S>(self.engine, &encoded);
                if value.is_ok() {
                    self.engine.observers.served(self.request.key(), RequestResult::Hit, None);
                }
                // A value that does not decode is read again, as one that is to be loaded.
                return value.map_err(|_| (Box::new(self.call()), Next::Read, None));
            }
            FirstRead::NotFresh(mut call, found) => {
                let next = engine::decide(self.engine, &mut call, *found, &mut |encoded| {
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
            (next, held) => Err((call, next, held)),
        }
    }

    /// Takes a call that was not served at once on its way.
    #[allow(clippy::unnecessary_box_returns)] // a caller keeps little on its stack
    fn begin_serving(&self, call: Box<Call<'a>>, next: Next) -> Box<Serving<'a, T, E, S>> {
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
    fn drive(
        &mut self,
        serving: &mut Serving<'a, T, E, S>,
        not_kept: &mut Option<E>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Serving { work, done, body, own } = serving;
        let mut poll_body = |cx: &mut Context<'_>| self.poll_for_load(body, own, not_kept, cx);
        poll_in_turn(work, body, &mut poll_body, done, cx)
    }

    /// Takes in what the engine serves.
    fn conclude(
        &self,
        serving: &mut Serving<'a, T, E, S>,
        not_kept: &mut Option<E>,
    ) -> Step<'a, T, E> {
        let (engine, request) = (self.engine, self.request);
        let Serving { work, done, body, own } = serving;
        let (call, served) = done.take().unzip();
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
            Some(Served::Recursive) => return Step::Refuse,
            Some(Served::Detach(next)) => {
                return call
                    .map_or(Step::Refuse, |call| Step::Detach(Box::new((call, *next, None))));
            }
            Some(Served::Own(_)) | None => own.take().map(|own| own.map_err(S::own)),
        };
        match (result.or_else(|| not_kept.take().map(Err)), call) {
            (Some(result), call) => {
                if let (Some(how), Some(call)) = (how, call) {
                    call.served(engine, how);
                }
                Step::Serve(result)
            }
            // A call for the same key, but of another type, has shared its result. This call runs its own body
            // instead.
            (None, Some(call)) => {
                *work = engine::serve(engine, call, Next::Own(Duration::ZERO), Arc::clone(body));
                Step::GoOn
            }
            // A body has ended without a result, which cannot be. It runs without the cache if it can.
            (None, None) => Step::Refuse,
        }
    }

    /// As [`fetch`](Self::fetch), for a call that was not served at once.
    fn serve(
        &mut self,
        call: Box<Call<'a>>,
        next: Next,
    ) -> impl Future<Output = Result<Result<T, E>, Unserved<'a, T>>> {
        let mut serving = self.begin_serving(call, next);
        poll_fn(move |cx| {
            let mut not_kept = None;
            loop {
                if !self.drive(&mut serving, &mut not_kept, cx) {
                    return Poll::Pending;
                }
                return Poll::Ready(match self.conclude(&mut serving, &mut not_kept) {
                    Step::GoOn => continue,
                    Step::Serve(result) => Ok(result),
                    Step::Detach(unserved) => Err(Unserved::Detach(unserved)),
                    Step::Refuse => Err(Unserved::Recursive),
                });
            }
        })
    }

    /// Begins a run of the body without the cache: the call is not `usable`, which has been told, or it is made from
    /// inside its own load, which is told here.
    #[allow(clippy::unnecessary_box_returns)] // a caller keeps little on its stack
    fn begin_uncached(&self, usable: bool) -> Box<Uncached<'a>> {
        let (observers, key) = (&*self.engine.observers, self.request.key());
        let reason = if usable {
            observers.unusable_call(key, &Error::<Infallible>::Recursive);
            BypassReason::Recursive
        } else {
            BypassReason::NotUsable
        };
        Box::new(Uncached::begin(observers, key, reason))
    }

    /// Polls the body of a call that its cache cannot serve.
    fn poll_uncached(
        &mut self,
        load: &mut Uncached<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>> {
        let mut polled = Poll::Pending;
        let _unforced = force::suspend();
        load.poll(&mut || {
            polled = self.poll_body(Within::NoLoad, cx).map(K::result);
            match &polled {
                Poll::Ready(Ok(_)) => Some(LoadOutcome::NotCached),
                Poll::Ready(Err(_)) => Some(LoadOutcome::Failed),
                Poll::Pending => None,
            }
        });
        polled
    }

    /// Polls the body for a load, and takes in what it returns. Returns whether it has ended.
    fn poll_for_load(
        &mut self,
        body: &Body<'_>,
        own: &mut Option<Result<T, S::Kept>>,
        not_kept: &mut Option<E>,
        cx: &mut Context<'_>,
    ) -> bool {
        let polled = self.poll_body(Within::Load, cx);
        self.note(polled, body, own, not_kept)
    }

    fn poll_body(&mut self, within: Within, cx: &mut Context<'_>) -> Poll<K::Returned> {
        if matches!(self.run, Run::NotYet(_)) {
            self.begin(within);
        }
        let Run::Running(body, mark) = &mut self.run else { return Poll::Pending };
        let _inside = Mark::enter_if(mark.as_ref());
        let polled = body.as_mut().poll(cx);
        if polled.is_ready() {
            self.run = Run::Over;
        }
        polled
    }

    /// Makes the future of the body.
    fn begin(&mut self, within: Within) {
        if let Run::NotYet(body) = mem::replace(&mut self.run, Run::Over) {
            let mark = (within == Within::Load).then(|| Mark::new(self.engine, self.request.key()));
            let inside = Mark::enter_if(mark.as_ref());
            let body = Box::pin(body());
            drop(inside);
            self.run = Run::Running(body, mark);
        }
    }

    /// Takes in what polling the body came to: keeps its result, and says how it has ended. Returns whether it has.
    fn note(
        &self,
        polled: Poll<K::Returned>,
        body: &Body<'_>,
        own: &mut Option<Result<T, S::Kept>>,
        not_kept: &mut Option<E>,
    ) -> bool {
        let Poll::Ready(returned) = polled else { return false };
        let result = K::result(returned).map_err(|error| self.share.part(error));
        body.end(match result {
            Ok(value) => {
                let ended = self.encode(&value, body.is_awaited());
                *own = Some(Ok(value));
                ended
            }
            Err(Ok((kept, shared))) => {
                *own = Some(Err(kept));
                Ended::Failed(shared)
            }
            Err(Err(error)) => {
                *not_kept = Some(error);
                Ended::FailedNotKept
            }
        });
        true
    }

    /// The `value` as other callers are given it, and as it is stored if it comes back from there as it is.
    fn encode(&self, value: &T, is_awaited: bool) -> Ended {
        if self.engine.is_disabled() {
            return Ended::Unstorable(None);
        }
        let codec = &self.engine.codec;
        let ttl = self.request.lifetime.of(value);
        let function = Function::of::<T, K>(self.request.key());
        let encoded = codec.encode(value).map(Bytes::from);
        let verified =
            engine::verify(self.engine, self.request.key(), function, encoded, &mut |encoded| {
                // A value that is not to be cached has no hit.
                if ttl.is_some_and(|ttl| ttl.is_zero()) {
                    return Ok(None);
                }
                let decoded = codec.decode(encoded)?;
                Ok(S::difference(value, &decoded))
            });
        let decoded = Decoded::for_many();
        let is_left = (is_awaited || verified.is_err()) && S::leave(&decoded, value);
        match verified {
            Ok(payload) => Ended::Value { value: Encoded { payload, decoded }, ttl },
            Err(payload) => {
                let payload = payload.or_else(|| is_left.then(Bytes::new));
                Ended::Unstorable(payload.map(|payload| Encoded { payload, decoded }))
            }
        }
    }
}

/// The future of a call. It is no `async` block: every level of a recursion through a cached function has this future's
/// `poll` on the stack, and that of a block has room for all that the call ever does.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Fetching<'a, T, E, S: KeepError<E>, K, B, F> {
    stage: Stage<'a, T, E, S>,
    fetch: Fetch<'a, T, E, S, K, B, F>,
}

/// How far a call has come. All but the first stage is boxed, so that a call that is served at once is small.
enum Stage<'a, T, E, S: KeepError<E>> {
    /// The call's key or its options cannot be used.
    Unusable,
    Begin,
    Read(Work<'a, FirstRead<'a>>),
    Serve(Box<Serving<'a, T, E, S>>),
    Uncached(Box<Uncached<'a>>),
    Over,
}

/// Nothing in a call is pinned but its body, which is in a box.
impl<T, E, S: KeepError<E>, K, B, F> Unpin for Fetching<'_, T, E, S, K, B, F> {}

impl<T, E, S, K, B, F> Future for Fetching<'_, T, E, S, K, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    K: Convert<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = K::Returned>,
{
    type Output = K::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Output> {
        let this = &mut *self;
        let mut ends = Ends { not_kept: None, output: None };
        loop {
            if let Stage::Serve(serving) = &mut this.stage
                && !this.fetch.drive(serving, &mut ends.not_kept, cx)
            {
                return Poll::Pending;
            }
            if !this.advance(&mut ends, cx) {
                return ends.polled();
            }
        }
    }
}

/// What a call has come to in one poll.
struct Ends<E, O> {
    /// The error of the call's own body, if it cannot be kept while the engine tells others of it.
    not_kept: Option<E>,
    output: Option<O>,
}

impl<E, O> Ends<E, O> {
    fn polled(&mut self) -> Poll<O> {
        self.output.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T, E, S, K, B, F> Fetching<'_, T, E, S, K, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    K: Convert<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = K::Returned>,
{
    /// Takes the call one stage further. Returns whether it goes on at once: it does not if it waits, or has its output.
    fn advance(&mut self, ends: &mut Ends<E, K::Output>, cx: &mut Context<'_>) -> bool {
        let result = match &mut self.stage {
            Stage::Unusable => return self.refuse(false, ends),
            Stage::Begin => match self.fetch.first_look() {
                Ok(value) => {
                    // The stage stays, because to change it is work that each hit would notice.
                    ends.output = Some(K::output(Ok(value)));
                    return false;
                }
                Err(read) => {
                    self.stage = Stage::Read(read);
                    return true;
                }
            },
            Stage::Read(read) => {
                let Poll::Ready(read) = read.as_mut().poll(cx) else { return false };
                match self.fetch.take(read) {
                    Ok(value) => Ok(value),
                    Err((call, next, _)) => {
                        self.stage = Stage::Serve(self.fetch.begin_serving(call, next));
                        return true;
                    }
                }
            }
            Stage::Serve(serving) => match self.fetch.conclude(serving, &mut ends.not_kept) {
                Step::Serve(result) => result,
                Step::GoOn => return true,
                Step::Refuse | Step::Detach(_) => return self.refuse(true, ends),
            },
            Stage::Uncached(load) => {
                let Poll::Ready(result) = self.fetch.poll_uncached(load, cx) else { return false };
                result
            }
            Stage::Over => return false,
        };
        self.stage = Stage::Over;
        ends.output = Some(K::output(result));
        false
    }

    /// Goes on without the cache.
    fn refuse(&mut self, usable: bool, ends: &mut Ends<E, K::Output>) -> bool {
        ends.output = K::refusal();
        let goes_on = ends.output.is_none();
        self.stage =
            if goes_on { Stage::Uncached(self.fetch.begin_uncached(usable)) } else { Stage::Over };
        goes_on
    }
}

/// A body in a box, so that one type serves the call and the task that may lead a load in its place.
pub(crate) type BoxedBody<'a, F> = Box<dyn FnOnce() -> F + Send + 'a>;

/// A call whose loads tasks lead.
type Detaching<'a, T, E, S, K, F> = Fetch<'a, T, E, S, K, BoxedBody<'a, F>, F>;

/// The task of a load, whose output is the result of the load; `None` if the load was for nobody any more.
type LoadTask<T, E> = JoinHandle<Option<Result<T, E>>>;

impl<'a, T, E, S, K, F> Detaching<'a, T, E, S, K, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    K: Convert<T, E>,
    F: Future<Output = K::Returned> + Send + 'static,
{
    /// As [`fetch`](Self::fetch), except that tasks lead the loads. A load runs in the call where there is no
    /// runtime for a task, or where as many loads run as may of which nobody waits for any.
    pub(crate) fn fetch_detached(mut self, usable: bool) -> impl Future<Output = K::Output> {
        async move {
            if usable {
                let read = match self.first_look() {
                    Ok(value) => return K::output(Ok(value)),
                    Err(read) => read.await,
                };
                let mut not_served = match self.take(read) {
                    Ok(value) => return K::output(Ok(value)),
                    Err(not_served) => not_served,
                };
                not_served.0.detach(true);
                if let Some(result) = Box::pin(self.serve_detached(not_served)).await {
                    return K::output(result);
                }
            }
            if let Some(refused) = K::refusal() {
                return refused;
            }
            let mut load = self.begin_uncached(usable);
            K::output(poll_fn(|cx| self.poll_uncached(&mut load, cx)).await)
        }
    }

    /// As [`serve`](Self::serve), with tasks that lead.
    async fn serve_detached(&mut self, not_served: NotServed<'a, T>) -> Option<Result<T, E>> {
        let (engine, request) = (self.engine, self.request);
        let (call, next, held) = not_served;
        let (call, next, _) = match self.serve(call, next).await {
            Ok(result) => return Some(result),
            Err(Unserved::Recursive) => return None,
            Err(Unserved::Detach(unserved)) => *unserved,
        };
        let load = match ToDetach::new(next) {
            Ok(load) => load,
            Err(next) => return self.serve_in_caller(call, next).await,
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
                drop(self.start(&call, load, runtime));
            } else {
                engine.observers.skipped_refresh(request.key());
            }
            call.served(engine, how);
            return Some(Ok(held));
        }
        let Some(runtime) = runtime.filter(|_| has_room) else {
            return self.serve_in_caller(call, load.into_next()).await;
        };
        let (task, waits) = self.start(&call, load, &runtime);
        Some(Self::serve_from_task(engine, request, &call, task, waits).await)
    }

    /// As [`serve`](Self::serve), from `next` on, with no task.
    async fn serve_in_caller(
        &mut self,
        mut call: Box<Call<'a>>,
        next: Next,
    ) -> Option<Result<T, E>> {
        call.detach(false);
        self.serve(call, next).await.ok()
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
            // The task has the value itself, which may be more than what comes back of it.
            Waited::Value(value) if own.has_ended() => Self::value_of(engine, request, &mut task)
                .await
                .or_else(|| decode(&value))
                .zip(Some(own.result())),
            Waited::Value(value) => decode(&value).zip(Some(own.result())),
            Waited::TakesTooLong(held) => decode_held(held),
            Waited::Failed(held) => match held.and_then(decode_held) {
                // Else another load has failed, beside this one, which hangs.
                Some((held, how)) if own.has_ended() => {
                    let value = Self::value_of(engine, request, &mut task).await;
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
    async fn value_of(
        engine: &Engine,
        request: &Request<T>,
        task: &mut LoadTask<T, E>,
    ) -> Option<T> {
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
    fn start(
        &mut self,
        call: &Call<'a>,
        load: ToDetach,
        runtime: &Handle,
    ) -> (LoadTask<T, E>, Waits) {
        let Self { engine, request, policy, share, kind, .. } = *self;
        // The copies of borrowed arguments are made here.
        self.begin(Within::Load);
        let run: Run<BoxedBody<'static, F>, F> = match mem::replace(&mut self.run, Run::Over) {
            Run::Running(body, mark) => Run::Running(body, mark),
            Run::NotYet(_) | Run::Over => Run::Over,
        };
        let (next, waits, in_task) = load.begin(engine, call);
        let (engine, request, policy) = (Arc::clone(engine), request.clone(), *policy);
        let (tasks, state) = (Arc::clone(&engine.tasks), in_task.state());
        let call = call.for_task(&state);
        let work = async move {
            let (engine, request, policy) = (&engine, &request, &policy);
            let mut fetch: Detaching<'_, T, E, S, K, F> =
                Fetch { engine, request, policy, run, share, kind };
            let call = Box::new(call.with(request.key(), policy));
            let result = if let Ok(result) = fetch.serve(call, next).await {
                result
            } else {
                let mut load = fetch.begin_uncached(true);
                poll_fn(|cx| fetch.poll_uncached(&mut load, cx)).await
            };
            if let (Err(error), false) = (&result, state.is_waited_for()) {
                swallowed::<T, E, S>(engine, request, error);
            }
            state.note_result();
            result
        };
        (tasks.load(runtime, in_task.run(scope::inherited(Box::pin(work)))), waits)
    }
}

/// What comes after a piece of the engine's work.
enum Step<'a, T, E> {
    GoOn,
    Serve(Result<T, E>),
    /// A task is to lead a load in place of the call.
    Detach(Box<NotServed<'a, T>>),
    /// The call is made inside the load that it would have to wait for.
    Refuse,
}

/// How a call ends that is not served: its body has not run.
enum Unserved<'a, T> {
    /// The call is made inside the load that it would have to wait for.
    Recursive,
    /// A task is to lead a load in place of the call.
    Detach(Box<NotServed<'a, T>>),
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

/// Finds out whether `payload` is a value of type `T`.
fn decodes<T: DeserializeOwned>(codec: &AnyCodec, payload: &[u8]) -> Result<(), BoxError> {
    codec.decode::<T>(payload).map(drop)
}
