//! The future of a store operation: ready at once, or boxed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::StoreError;

/// The result of a store operation; [`Store`](super::Store) has an example.
pub type StoreResult<'a, T> = StoreFuture<'a, Result<T, StoreError>>;

/// The future that a [`Store`](super::Store) returns.
///
/// A store that answers at once says so by [`ready`](Self::ready), which allocates nothing; any
/// other wraps its `async` block by [`new`](Self::new).
#[must_use = "futures do nothing unless polled"]
pub struct StoreFuture<'a, T>(Inner<'a, T>);

enum Inner<'a, T> {
    Ready(Option<T>),
    Pending(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
}

impl<'a, T> StoreFuture<'a, T> {
    /// A result that is there already.
    pub fn ready(value: T) -> Self {
        Self(Inner::Ready(Some(value)))
    }

    /// A result that takes a while.
    pub fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Inner::Pending(Box::pin(future)))
    }

    /// The result if it is there already, else the future unchanged.
    pub(crate) fn now(self) -> Result<T, Self> {
        match self.0 {
            Inner::Ready(Some(value)) => Ok(value),
            other => Err(Self(other)),
        }
    }
}

impl<T: Unpin> Future for StoreFuture<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            // A result is taken once; polled again, it is pending, as the contract of `Future`
            // leaves open.
            Inner::Ready(value) => value.take().map_or(Poll::Pending, Poll::Ready),
            Inner::Pending(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for StoreFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Ready(_) => "StoreFuture(ready)",
            Inner::Pending(_) => "StoreFuture(pending)",
        })
    }
}
