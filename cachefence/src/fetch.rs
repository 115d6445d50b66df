//! One call of a cache, as far as its types matter.
//!
//! The engine moves bytes about and knows neither the value's type nor the error's nor the body's (see
//! [`crate::engine::body`]). [`Fetch`] is the rest: it decodes what was found, runs the body while the
//! engine wants it, and encodes what the body returns. All of it is compiled for each function that is
//! cached, so it is thin.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::codec::AnyCodec;
use crate::engine::body::{Body, Ended, Use};
use crate::engine::{
    Call, Encoded, Engine, Found, InBackground, Mark, Next, Served, Task, Work, in_background,
};
use crate::key::Key;
use crate::lifetime::Lifetime;
use crate::options::Policy;
use crate::report;
use crate::share::{KeepError, Share};
use crate::time::spawn;

/// Makes a result of what a body returns.
pub(crate) type IntoResult<R, T, E> = fn(R) -> Result<T, E>;

/// A call: which key it asks for on which options, and its body, which returns an `R`. `S` is how its
/// result is shared.
pub(crate) struct Fetch<'a, T, E, S, R, B, F> {
    engine: &'a Arc<Engine>,
    key: &'a Key,
    policy: &'a Policy,
    lifetime: &'a Lifetime<T>,
    into_result: IntoResult<R, T, E>,
    run: Run<B, F>,
    share: PhantomData<fn() -> S>,
}

/// A body, and whether it runs. In a box, which only a call that runs it needs: most calls wait for
/// another's.
enum Run<B, F> {
    NotYet(B),
    Running(Mark, Pin<Box<F>>),
    Over,
}

/// The result of a call's own body, as it is kept while others are told of it.
type Own<T, E, S> = Option<Result<T, <S as KeepError<E>>::Kept>>;

/// What a call comes to that does not wait.
enum Begun<'a, T> {
    Served(T),
    /// In a box, for which a call that reads next has little room.
    Goes(Box<(Call<'a>, Next)>),
    /// The store does not answer at once.
    Reads,
}

impl<'a, T, E, S, R, B, F> Fetch<'a, T, E, S, R, B, F> {
    pub(crate) fn new(
        engine: &'a Arc<Engine>,
        (key, policy): (&'a Key, &'a Policy),
        lifetime: &'a Lifetime<T>,
        into_result: IntoResult<R, T, E>,
        body: B,
    ) -> Self {
        let run = Run::NotYet(body);
        Self { engine, key, policy, lifetime, into_result, run, share: PhantomData }
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
    /// Not an `async fn`, here and below: that would hold its arguments twice.
    ///
    /// # Errors
    ///
    /// The call, its body not run, if it is made from inside the load that it would have to wait for.
    pub(crate) fn fetch(self) -> impl Future<Output = Result<Result<T, E>, Self>> {
        async move {
            let begun = match self.begin() {
                Begun::Served(value) => return Ok(Ok(value)),
                Begun::Goes(begun) => Some(begun),
                Begun::Reads => None,
            };
            let (call, next) = if let Some(begun) = begun {
                *begun
            } else {
                let (mut call, found) = self.engine.read(self.call()).await;
                match self.decide(&mut call, found) {
                    (Next::Serve(Served::Value(_)), Some(value)) => return Ok(Ok(value)),
                    (next, _) => (call, next),
                }
            };
            // In a box: a call that is served at once does not carry what waiting takes.
            Box::pin(self.serve(call, next)).await
        }
    }

    fn begin(&self) -> Begun<'a, T> {
        let Some(found) = self.engine.read_at_once(self.key) else { return Begun::Reads };
        let mut call = self.call();
        match self.decide(&mut call, found) {
            (Next::Serve(Served::Value(_)), Some(value)) => Begun::Served(value),
            (next, _) => Begun::Goes(Box::new((call, next))),
        }
    }

    fn call(&self) -> Call<'a> {
        Call::new(self.key, self.policy, decodes::<T>)
    }

    /// Decides how the call goes on, and decodes what was found if that may be served.
    fn decide(&self, call: &mut Call<'_>, found: Found) -> (Next, Option<T>) {
        let mut value = None;
        let next = self.engine.decide(call, found, &mut |encoded| {
            value = Self::decode(self.engine, encoded);
            value.is_some()
        });
        (next, value)
    }

    fn decode(engine: &Engine, value: &Encoded) -> Option<T> {
        S::value(&value.decoded, || engine.codec().decode(&value.payload).ok())
    }

    /// Takes a call that was not served at once to its end.
    fn serve(
        mut self,
        mut call: Call<'_>,
        mut next: Next,
    ) -> impl Future<Output = Result<Result<T, E>, Self>> {
        async move {
            let engine = self.engine;
            let (body, mut own) = (Body::default(), None);
            loop {
                let work = engine.serve(&mut call, next, &body);
                let served = match self.drive(work, &body, &mut own).await {
                    Ok(served) => served,
                    Err(error) => return Ok(Err(error)),
                };
                let result = match served {
                    Served::Own => own.take().map(|own| own.map_err(S::own)),
                    Served::Value(value) => Self::decode(engine, &value).map(Ok),
                    Served::Failed(error) => S::unpack(&*error).map(Err),
                    Served::Recursive => return Err(self),
                };
                match result {
                    Some(result) => return Ok(result),
                    // A call of another type shared it, for the same key.
                    None => next = Next::Own,
                }
            }
        }
    }

    /// Runs the body, without the cache.
    pub(crate) fn run_uncached(mut self) -> impl Future<Output = Result<T, E>> {
        let mut own = None;
        poll_fn(move |cx| {
            let Poll::Ready((_, not_kept)) = self.poll(Use::Own, &mut own, cx) else {
                return Poll::Pending;
            };
            match (own.take(), not_kept) {
                (Some(own), _) => Poll::Ready(own.map_err(S::own)),
                (None, Some(error)) => Poll::Ready(Err(error)),
                (None, None) => Poll::Pending, // it is over, and has been given
            }
        })
    }

    /// Polls the engine's `work` and, while the engine wants it, the body.
    ///
    /// # Errors
    ///
    /// The body's error, if that cannot be kept while the engine tells others of it.
    fn drive<O>(
        &mut self,
        mut work: Work<'_, O>,
        body: &Body,
        own: &mut Own<T, E, S>,
    ) -> impl Future<Output = Result<O, E>> {
        poll_fn(move |cx| {
            let mut ran = false;
            loop {
                if let Some(wanted) = body.wanted().filter(|_| !ran) {
                    ran = true;
                    if let Poll::Ready((ended, not_kept)) = self.poll(wanted, own, cx) {
                        body.end(ended);
                        if let Some(error) = not_kept
                            && wanted != Use::SharedWithFallback
                        {
                            // The engine tells others what it can at once, and goes on in a task.
                            drop(work.as_mut().poll(cx));
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                match work.as_mut().poll(cx) {
                    Poll::Ready(output) => return Poll::Ready(Ok(output)),
                    Poll::Pending if !ran && body.wanted().is_some() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
    }

    /// Polls the body, as one of the load that it is run for. Gives how it ended, and its error if that
    /// cannot be kept.
    fn poll(
        &mut self,
        wanted: Use,
        own: &mut Own<T, E, S>,
        cx: &mut Context<'_>,
    ) -> Poll<(Ended, Option<E>)> {
        self.run = match mem::replace(&mut self.run, Run::Over) {
            Run::NotYet(body) => Run::Running(self.engine.mark(self.key), Box::pin(body())),
            run => run,
        };
        let Run::Running(mark, body) = &mut self.run else { return Poll::Pending };
        let Poll::Ready(returned) = mark.poll(|| body.as_mut().poll(cx)) else {
            return Poll::Pending;
        };
        self.run = Run::Over;
        let (ended, not_kept) = match (self.into_result)(returned).map_err(S::part) {
            Ok(value) => {
                let ended = match wanted {
                    Use::Own => Ended::Value { payload: None, ttl: None },
                    Use::Shared | Use::SharedWithFallback => Ended::Value {
                        payload: encode(self.engine.codec(), self.key, &value),
                        ttl: self.lifetime.of(&value),
                    },
                };
                *own = Some(Ok(value));
                (ended, None)
            }
            Err(Ok((kept, shared))) => {
                *own = Some(Err(kept));
                (Ended::Failed(shared), None)
            }
            Err(Err(error)) => (Ended::Failed(None), Some(error)),
        };
        Poll::Ready((ended, not_kept))
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
    /// task does, of which there are up to 256 at a time. Beyond that the value is served, and a later
    /// call refreshes it.
    pub(crate) async fn fetch_in_background(self) -> Result<Result<T, E>, Self> {
        let engine = self.engine;
        let (mut call, found) = engine.read(self.call()).await;
        let (next, held) = match self.decide(&mut call, found) {
            (Next::Serve(Served::Value(_)), Some(value)) => return Ok(Ok(value)),
            (next, Some(held)) => (next, held),
            (next, None) => return Box::pin(self.serve(call, next)).await,
        };
        let waits = match in_background(next) {
            Ok(InBackground::Wait(waits)) => Some(waits),
            Ok(InBackground::Lead(task, waits)) => engine.background_permit().and_then(|permit| {
                self.lead_in_task(task, permit);
                waits
            }),
            Err(next) => return Box::pin(self.serve(call, next)).await,
        };
        let served = match waits {
            Some(waits) => engine.wait_for_task(&mut call, waits).await,
            None => None,
        };
        Ok(Ok(served.and_then(|value| Self::decode(engine, &value)).unwrap_or(held)))
    }

    /// Leads a load in a task. A load that takes longer than `load_timeout` is dropped: nobody can be
    /// given its value, since its lease is not renewed any more.
    fn lead_in_task(self, task: Task, permit: OwnedSemaphorePermit) {
        let Self { into_result, run, share, .. } = self;
        let engine = Arc::clone(self.engine);
        let (key, policy, lifetime) = (self.key.clone(), *self.policy, *self.lifetime);
        // Where there is no runtime, nobody refreshes.
        let _ = spawn(async move {
            let _permit = permit;
            let (engine, key, policy, lifetime) = (&engine, &key, &policy, &lifetime);
            let mut fetch = Fetch { engine, key, policy, lifetime, into_result, run, share };
            let mut call = Call::in_background(key, policy, decodes::<T>);
            let (body, mut own) = (Body::default(), None);
            let work = engine.lead_in_task(&mut call, task, &body);
            // A panic is reported by the panic hook, and an error is left for the next reader.
            drop(timeout(policy.load_timeout, fetch.drive(work, &body, &mut own)).await);
        });
    }
}

/// What others are given for `value`; nothing, if it cannot be encoded.
fn encode<T: Serialize>(codec: &AnyCodec, key: &Key, value: &T) -> Option<Bytes> {
    match codec.encode(value) {
        Ok(payload) => Some(payload.into()),
        Err(error) => {
            report::not_encoded(key, &*error);
            None
        }
    }
}

/// Whether `payload` is a value of type `T`.
fn decodes<T: DeserializeOwned>(codec: &AnyCodec, payload: &[u8]) -> bool {
    codec.decode::<T>(payload).is_ok()
}
