//! The future of a call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Fetch;
use super::convert::Convert;
use super::serving::Serving;
use crate::engine::{FirstRead, Work};
use crate::observe::Uncached;
use crate::share::{KeepError, Share};

/// The future of a call. This is no `async` block, because every level of a recursion through a cached function has this future's
/// `poll` on the stack, and that of a block has room for all that the call ever does.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Fetching<'a, T, E, S: KeepError<E>, K, B, F> {
    pub(super) stage: Stage<'a, T, E, S>,
    pub(super) fetch: Fetch<'a, T, E, S, K, B, F>,
}

/// How far a call has come. All but the first stage is boxed, so that a call that is served at once is small.
pub(super) enum Stage<'a, T, E, S: KeepError<E>> {
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

/// The state of a call after one poll.
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
                Some(Ok(result)) => result,
                None => return true,
                Some(Err(_)) => return self.refuse(true, ends),
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
