//! The body of a call: it runs for a load, or without the cache.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Fetch;
use super::convert::Convert;
use crate::engine::body::{Body, Ended};
use crate::engine::{self, Encoded, Mark};
use crate::error::Error;
use crate::force;
use crate::observe::{BypassReason, LoadOutcome, Uncached};
use crate::share::{Decoded, Share};
use crate::verify::Function;

/// A body, before, while and after it runs. Only a running body takes room, in a box, because most calls
/// never run theirs.
pub(super) enum Run<B, F> {
    NotYet(B),
    Running(Pin<Box<F>>, Option<Mark>),
    Over,
}

/// Whether a body is run for a load, and so may not ask for the same key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Load,
    NoLoad,
}

impl<'a, T, E, S, K, B, F> Fetch<'a, T, E, S, K, B, F>
where
    T: Serialize + DeserializeOwned,
    S: Share<T, E>,
    K: Convert<T, E>,
    B: FnOnce() -> F,
    F: Future<Output = K::Returned>,
{
    /// Makes the future of the body.
    pub(super) fn begin(&mut self, within: Within) {
        if let Run::NotYet(body) = mem::replace(&mut self.run, Run::Over) {
            let mark = (within == Within::Load).then(|| Mark::new(self.engine, self.request.key()));
            let inside = Mark::enter_if(mark.as_ref());
            let body = Box::pin(body());
            drop(inside);
            self.run = Run::Running(body, mark);
        }
    }

    /// Polls the body for a load, and takes in what it returns. Returns whether it has ended.
    pub(super) fn poll_for_load(
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
        body.as_mut().poll(cx)
    }

    /// Takes in what polling the body came to: keeps its result, and says how it has ended. Returns whether it has.
    fn note(
        &mut self,
        polled: Poll<K::Returned>,
        body: &Body<'_>,
        own: &mut Option<Result<T, S::Kept>>,
        not_kept: &mut Option<E>,
    ) -> bool {
        let Poll::Ready(returned) = polled else { return false };
        self.run = Run::Over;
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

    /// Begins a run of the body without the cache: the call is not `usable`, which has been told, or it is made from
    /// inside its own load, which is told here.
    #[allow(clippy::unnecessary_box_returns)] // a caller keeps little on its stack
    pub(super) fn begin_uncached(&self, usable: bool) -> Box<Uncached<'a>> {
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
    pub(super) fn poll_uncached(
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
        if polled.is_ready() {
            self.run = Run::Over;
        }
        polled
    }
}
