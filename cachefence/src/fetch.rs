//! One call of a cache, as far as its types matter.
//!
//! The engine moves bytes about and knows neither the value's type nor the error's nor the body's (see
//! [`crate::engine::body`]). This is the rest: decode what was found, run the body while the engine wants
//! it, encode what it returns. All of it is compiled for each function that is cached, so it is thin.

use std::future::{Future, poll_fn};
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
use crate::share::{KeepError, Share, ShareError, ShareValue};
use crate::time::spawn;

/// What a call asks for.
pub(crate) struct Asked<'a, T> {
    pub(crate) key: &'a Key,
    pub(crate) policy: &'a Policy,
    pub(crate) lifetime: &'a Lifetime<T>,
}

/// Makes a result of what a body returns.
pub(crate) type IntoResult<R, T, E> = fn(R) -> Result<T, E>;

/// Serves one call: from the store, from another caller's load, or by its `body`, which is polled in
/// this future only.
///
/// Not an `async fn`, here and below: that would hold its arguments twice.
///
/// # Errors
///
/// The body, not run, if this call is made from inside the load that it would have to wait for.
pub(crate) fn fetch<T, E, S, R, B, F>(
    engine: &Engine,
    asked: Asked<'_, T>,
    into_result: IntoResult<R, T, E>,
    body: B,
) -> impl Future<Output = Result<Result<T, E>, B>>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = R>,
{
    async move {
        let begun = match begin::<T, S>(engine, &asked) {
            Begun::Served(value) => return Ok(Ok(value)),
            Begun::Goes(begun) => Some(begun),
            Begun::Reads => None,
        };
        let (call, next) = if let Some(begun) = begun {
            *begun
        } else {
            let call = Call::new(asked.key, asked.policy, decodes::<T>);
            let (mut call, found) = engine.read(call).await;
            match decide::<T, S>(engine, &mut call, found) {
                (Next::Serve(Served::Value(_)), Some(value)) => return Ok(Ok(value)),
                (next, _) => (call, next),
            }
        };
        let recompute = Recompute::<T, E, S, R, B, F>::new(engine, asked, into_result, body);
        // In a box: a call that is served at once does not carry what waiting takes.
        Box::pin(serve(call, next, recompute)).await
    }
}

/// What a call comes to that does not wait.
enum Begun<'a, T> {
    Served(T),
    /// In a box, for which a call that reads next has little room.
    Goes(Box<(Call<'a>, Next)>),
    /// The store does not answer at once.
    Reads,
}

fn begin<'a, T, S>(engine: &Engine, asked: &Asked<'a, T>) -> Begun<'a, T>
where
    T: DeserializeOwned,
    S: ShareValue<T>,
{
    let Some(found) = engine.read_at_once(asked.key) else { return Begun::Reads };
    let mut call = Call::new(asked.key, asked.policy, decodes::<T>);
    match decide::<T, S>(engine, &mut call, found) {
        (Next::Serve(Served::Value(_)), Some(value)) => Begun::Served(value),
        (next, _) => Begun::Goes(Box::new((call, next))),
    }
}

/// As [`fetch`], except that a call that holds a value never runs its body itself: a task does, of
/// which there are up to 256 at a time. Beyond that the value is served, and a later call refreshes it.
///
/// # Errors
///
/// As [`fetch`].
pub(crate) async fn fetch_in_background<T, E, S, R, B, F>(
    engine: &Arc<Engine>,
    asked: Asked<'_, T>,
    into_result: IntoResult<R, T, E>,
    body: B,
) -> Result<Result<T, E>, B>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    R: 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let (mut call, found) = engine.read(Call::new(asked.key, asked.policy, decodes::<T>)).await;
    let next = match decide::<T, S>(engine, &mut call, found) {
        (Next::Serve(Served::Value(_)), Some(held)) => return Ok(Ok(held)),
        (next, Some(held)) => in_background(next).map(|next| (next, held)),
        (next, None) => Err(next),
    };
    let (next, held) = match next {
        Ok(next) => next,
        Err(next) => {
            let recompute = Recompute::<T, E, S, R, B, F>::new(engine, asked, into_result, body);
            return Box::pin(serve(call, next, recompute)).await;
        }
    };
    let waits = match next {
        InBackground::Wait(waits) => Some(waits),
        InBackground::Lead(task, waits) => {
            let permit = engine.background_permit();
            let led = permit.map(|permit| {
                lead_in_task::<T, E, S, R, B, F>(engine, &asked, task, permit, into_result, body);
            });
            waits.filter(|_| led.is_some())
        }
    };
    let served = match waits {
        Some(waits) => engine.wait_for_task(&mut call, waits).await,
        None => None,
    };
    Ok(Ok(served.and_then(|value| decode::<T, S>(engine, &value)).unwrap_or(held)))
}

/// Leads a load in a task. A load that takes longer than `load_timeout` is dropped: nobody can be given
/// its value, since its lease is not renewed any more.
fn lead_in_task<T, E, S, R, B, F>(
    engine: &Arc<Engine>,
    asked: &Asked<'_, T>,
    task: Task,
    permit: OwnedSemaphorePermit,
    into_result: IntoResult<R, T, E>,
    body: B,
) where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    R: 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let engine = Arc::clone(engine);
    let (key, policy, lifetime) = (asked.key.clone(), *asked.policy, *asked.lifetime);
    // Where there is no runtime, nobody refreshes.
    let _ = spawn(async move {
        let _permit = permit;
        let asked = Asked { key: &key, policy: &policy, lifetime: &lifetime };
        let mut call = Call::in_background(&key, &policy, decodes::<T>);
        let wanted = Body::default();
        let mut recompute = Recompute::<T, E, S, R, B, F>::new(&engine, asked, into_result, body);
        let work = engine.lead_in_task(&mut call, task, &wanted);
        // A panic is reported by the panic hook, and an error is left for the next reader.
        drop(timeout(policy.load_timeout, drive(work, &wanted, &mut recompute)).await);
    });
}

/// Decides how a call goes on, and decodes what was found if that may be served.
fn decide<T, S>(engine: &Engine, call: &mut Call<'_>, found: Found) -> (Next, Option<T>)
where
    T: DeserializeOwned,
    S: ShareValue<T>,
{
    let mut value = None;
    let next = engine.decide(call, found, &mut |encoded| {
        value = decode::<T, S>(engine, encoded);
        value.is_some()
    });
    (next, value)
}

/// Takes a call that was not served at once to its end.
fn serve<T, E, S, R, B, F>(
    mut call: Call<'_>,
    mut next: Next,
    mut recompute: Recompute<'_, T, E, S, R, B, F>,
) -> impl Future<Output = Result<Result<T, E>, B>>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = R>,
{
    async move {
        let engine = recompute.engine;
        let wanted = Body::default();
        loop {
            let work = engine.serve(&mut call, next, &wanted);
            let served = match drive(work, &wanted, &mut recompute).await {
                Ok(served) => served,
                Err(error) => return Ok(Err(error)),
            };
            let result = match served {
                Served::Own => recompute.own.take().map(|own| own.map_err(S::own)),
                Served::Value(value) => decode::<T, S>(engine, &value).map(Ok),
                Served::Failed(error) => S::unpack(&*error).map(Err),
                Served::Recursive => match recompute.run {
                    Run::NotYet(body) => return Err(body),
                    Run::Running(..) | Run::Over => None,
                },
            };
            match result {
                Some(result) => return Ok(result),
                // It was shared by a call of another type, for the same key.
                None => next = Next::Own,
            }
        }
    }
}

/// Polls the engine's `work` and, while the engine wants it, the body.
///
/// # Errors
///
/// The body's error, if that cannot be kept while the engine tells others of it.
fn drive<T, E, S, R, B, F, O>(
    mut work: Work<'_, O>,
    body: &Body,
    recompute: &mut Recompute<'_, T, E, S, R, B, F>,
) -> impl Future<Output = Result<O, E>>
where
    T: Serialize,
    S: ShareError<E>,
    B: FnOnce() -> F,
    F: Future<Output = R>,
{
    poll_fn(move |cx| {
        let mut ran = false;
        loop {
            if let Some(wanted) = body.wanted().filter(|_| !ran) {
                ran = true;
                if let Poll::Ready((ended, not_kept)) = recompute.poll(wanted, cx) {
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

/// The recompute of one call, with its result once it has one.
struct Recompute<'a, T, E, S: KeepError<E>, R, B, F> {
    engine: &'a Engine,
    asked: Asked<'a, T>,
    into_result: IntoResult<R, T, E>,
    run: Run<B, F>,
    own: Option<Result<T, S::Kept>>,
}

/// A body, and whether it runs. In a box, which only a call that runs it needs: most calls wait for
/// another's.
enum Run<B, F> {
    NotYet(B),
    Running(Mark, Pin<Box<F>>),
    Over,
}

/// Nothing in a recompute is pinned but the body, which is in a box.
impl<T, E, S: KeepError<E>, R, B, F> Unpin for Recompute<'_, T, E, S, R, B, F> {}

impl<'a, T, E, S, R, B, F> Recompute<'a, T, E, S, R, B, F>
where
    S: KeepError<E>,
    B: FnOnce() -> F,
    F: Future<Output = R>,
{
    fn new(
        engine: &'a Engine,
        asked: Asked<'a, T>,
        into_result: IntoResult<R, T, E>,
        body: B,
    ) -> Self {
        Self { engine, asked, into_result, run: Run::NotYet(body), own: None }
    }

    /// Polls the body, as one of the load that it is run for. Gives how it ended, and its error if that
    /// cannot be kept.
    fn poll(&mut self, wanted: Use, cx: &mut Context<'_>) -> Poll<(Ended, Option<E>)>
    where
        T: Serialize,
        S: ShareError<E>,
    {
        self.run = match std::mem::replace(&mut self.run, Run::Over) {
            Run::NotYet(body) => Run::Running(self.engine.mark(self.asked.key), Box::pin(body())),
            run => run,
        };
        let Run::Running(mark, body) = &mut self.run else { return Poll::Pending };
        let Poll::Ready(returned) = mark.poll(|| body.as_mut().poll(cx)) else {
            return Poll::Pending;
        };
        self.run = Run::Over;
        Poll::Ready(match (self.into_result)(returned) {
            Ok(value) => {
                let ended = match wanted {
                    Use::Own => Ended::Value { payload: None, ttl: None },
                    Use::Shared | Use::SharedWithFallback => Ended::Value {
                        payload: encode(self.engine.codec(), self.asked.key, &value),
                        ttl: self.asked.lifetime.of(&value),
                    },
                };
                self.own = Some(Ok(value));
                (ended, None)
            }
            Err(error) => match S::part(error) {
                Ok((kept, shared)) => {
                    self.own = Some(Err(kept));
                    (Ended::Failed(shared), None)
                }
                Err(error) => (Ended::Failed(None), Some(error)),
            },
        })
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

fn decode<T: DeserializeOwned, S: ShareValue<T>>(engine: &Engine, value: &Encoded) -> Option<T> {
    S::value(&value.decoded, || engine.codec().decode(&value.payload).ok())
}

/// Whether `payload` is a value of type `T`.
fn decodes<T: DeserializeOwned>(codec: &AnyCodec, payload: &[u8]) -> bool {
    codec.decode::<T>(payload).is_ok()
}
