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

mod body;
mod convert;
mod detached;
mod future;
mod serving;

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::body::Run;
pub(crate) use self::convert::{ByHand, Convert, Fallible, Plain};
pub(crate) use self::detached::BoxedBody;
use self::future::{Fetching, Stage};
use crate::cache::CacheFence;
use crate::codec::AnyCodec;
use crate::engine::{self, Call, Encoded, Engine, FirstRead, Next, Served, Work};
use crate::error::BoxError;
use crate::observe::RequestResult;
use crate::options::Policy;
use crate::request::Request;
use crate::share::Share;

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

/// How a call goes on that its first read does not serve, with the value that it holds meanwhile.
type NotServed<'a, T> = (Box<Call<'a>>, Next, Option<T>);

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
