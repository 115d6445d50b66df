//! From what a recompute returns to a result, and from the result to what the call returns.

use std::convert::Infallible;
use std::sync::Arc;

use crate::error::Error;

/// The conversions of one kind of call, whose value is a `T` and whose error is an `E`.
pub(crate) trait Convert<T, E>: 'static {
    /// The output of the recompute.
    type Returned;
    /// The output of the call.
    type Output;

    fn result(returned: Self::Returned) -> Result<T, E>;

    fn output(result: Result<T, E>) -> Self::Output;

    /// The output of a call that would wait for itself; `None` if it runs its body without the cache instead.
    fn refusal() -> Option<Self::Output>;
}

/// An annotated function that returns a `Result`.
pub(crate) struct Fallible;

impl<T, E> Convert<T, E> for Fallible {
    type Returned = Result<T, E>;
    type Output = Result<T, E>;

    fn result(returned: Result<T, E>) -> Result<T, E> {
        returned
    }

    fn output(result: Result<T, E>) -> Result<T, E> {
        result
    }

    fn refusal() -> Option<Self::Output> {
        None
    }
}

/// An annotated function that returns anything else.
pub(crate) struct Plain;

impl<T> Convert<T, Infallible> for Plain {
    type Returned = T;
    type Output = T;

    fn result(returned: T) -> Result<T, Infallible> {
        Ok(returned)
    }

    fn output(result: Result<T, Infallible>) -> T {
        match result {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    fn refusal() -> Option<T> {
        None
    }
}

/// A call of `get_or_set`, whose callers share one error.
pub(crate) struct ByHand;

impl<T, E> Convert<T, Arc<E>> for ByHand {
    type Returned = Result<T, E>;
    type Output = Result<T, Error<E>>;

    fn result(returned: Result<T, E>) -> Result<T, Arc<E>> {
        returned.map_err(Arc::new)
    }

    fn output(result: Result<T, Arc<E>>) -> Result<T, Error<E>> {
        result.map_err(Error::Recompute)
    }

    fn refusal() -> Option<Self::Output> {
        Some(Err(Error::Recursive))
    }
}
