//! Giving one result to all the callers that waited for it.

mod describe;
mod error;
mod io;
mod value;

use std::any::Any;
use std::marker::PhantomData;

use crate::error::BoxError;
use crate::verify::compare::{CompareValue, Difference};

pub(crate) use self::describe::{ByDisplay, ByType, ByTypeInArc, DescribeError};
pub(crate) use self::error::{ByClone, ByFn, KeepError, NotKept, NotShared, ShareError, SharedErr};
pub(crate) use self::io::ByKind;
pub(crate) use self::value::{CloneOne, DecodeEach, Decoded, ShareValue};

/// All that a call has to know to do with its result, which its types decide: a way to give its value to several callers, a
/// way to give its error, a way to say what its error is, and a way to compare its value with what comes back of it.
/// [`Sharing`] puts the four together.
pub(crate) trait Share<T, E>:
    ShareValue<T> + ShareError<E> + DescribeError<E> + CompareValue<T>
{
}

impl<T, E, S: ShareValue<T> + ShareError<E> + DescribeError<E> + CompareValue<T>> Share<T, E>
    for S
{
}

/// Values are shared by `V`, errors by `S`; `D` says what an error is, and `C` compares values.
pub(crate) struct Sharing<V, S, D, C> {
    errors: S,
    others: PhantomData<fn(V, D, C)>,
}

impl<V, S, D, C> Sharing<V, S, D, C> {
    pub(crate) const fn new(errors: S) -> Self {
        Self { errors, others: PhantomData }
    }
}

impl<V, S: Copy, D, C> Clone for Sharing<V, S, D, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, S: Copy, D, C> Copy for Sharing<V, S, D, C> {}

impl<T, V, S, D, C> ShareValue<T> for Sharing<V, S, D, C>
where
    V: ShareValue<T>,
    S: 'static,
    D: 'static,
    C: 'static,
{
    fn value(
        decoded: &Decoded,
        decode: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        V::value(decoded, decode)
    }

    fn leave(decoded: &Decoded, value: &T) -> bool {
        V::leave(decoded, value)
    }
}

impl<E, V, S, D: DescribeError<E>, C> DescribeError<E> for Sharing<V, S, D, C> {
    fn describe(error: &E) -> String {
        D::describe(error)
    }
}

impl<T, V, S, D, C> CompareValue<T> for Sharing<V, S, D, C>
where
    V: 'static,
    S: 'static,
    D: 'static,
    C: CompareValue<T>,
{
    fn difference(original: &T, decoded: &T) -> Option<Difference> {
        C::difference(original, decoded)
    }
}

impl<E, V, S: KeepError<E>, D, C> KeepError<E> for Sharing<V, S, D, C> {
    type Kept = S::Kept;
}

impl<E, V, S, D, C> ShareError<E> for Sharing<V, S, D, C>
where
    V: 'static,
    S: ShareError<E>,
    D: 'static,
    C: 'static,
{
    fn part(&self, error: E) -> Result<(Self::Kept, Option<SharedErr>), E> {
        self.errors.part(error)
    }

    fn own(kept: Self::Kept) -> E {
        S::own(kept)
    }

    fn unpack(&self, shared: &(dyn Any + Send + Sync)) -> Option<E> {
        self.errors.unpack(shared)
    }
}
