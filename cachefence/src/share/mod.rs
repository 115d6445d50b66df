//! Giving one result to all the callers that waited for it.

mod describe;
mod error;
mod io;
mod value;

use std::any::Any;
use std::marker::PhantomData;

use crate::error::BoxError;

pub(crate) use self::describe::{ByDisplay, ByType, ByTypeInArc, DescribeError};
pub(crate) use self::error::{ByClone, ByFn, KeepError, NotKept, NotShared, ShareError, SharedErr};
pub(crate) use self::io::ByKind;
pub(crate) use self::value::{CloneOne, DecodeEach, Decoded, ShareValue};

/// A way to give one result to several callers, and to tell of it: a way to give its value, a way to give its error, and
/// a way to say what its error is. [`Sharing`] puts the three together.
pub(crate) trait Share<T, E>: ShareValue<T> + ShareError<E> + DescribeError<E> {}

impl<T, E, S: ShareValue<T> + ShareError<E> + DescribeError<E>> Share<T, E> for S {}

/// Values are shared by `V`, errors by `S`, and `D` says what an error is.
pub(crate) struct Sharing<V, S, D> {
    errors: S,
    others: PhantomData<fn() -> (V, D)>,
}

impl<V, S, D> Sharing<V, S, D> {
    pub(crate) const fn new(errors: S) -> Self {
        Self { errors, others: PhantomData }
    }
}

impl<V, S: Copy, D> Clone for Sharing<V, S, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, S: Copy, D> Copy for Sharing<V, S, D> {}

impl<T, V: ShareValue<T>, S: 'static, D: 'static> ShareValue<T> for Sharing<V, S, D> {
    fn value(
        decoded: &Decoded,
        decode: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        V::value(decoded, decode)
    }
}

impl<E, V, S, D: DescribeError<E>> DescribeError<E> for Sharing<V, S, D> {
    fn describe(error: &E) -> String {
        D::describe(error)
    }
}

impl<E, V, S: KeepError<E>, D> KeepError<E> for Sharing<V, S, D> {
    type Kept = S::Kept;
}

impl<E, V: 'static, S: ShareError<E>, D: 'static> ShareError<E> for Sharing<V, S, D> {
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
