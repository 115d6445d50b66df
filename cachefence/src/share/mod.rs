//! Giving one result to all the callers that waited for it.

mod describe;
mod error;
mod io;
mod value;

use std::any::Any;

use crate::error::BoxError;

pub(crate) use self::describe::{ByDisplay, ByType, ByTypeInArc, DescribeError};
pub use self::error::SharedError;
pub(crate) use self::error::{
    ByClone, ByFrom, KeepError, NotKept, NotShared, ShareError, SharedErr,
};
pub(crate) use self::io::ByKind;
pub(crate) use self::value::{CloneOne, DecodeEach, Decoded, ShareValue};

/// A way to give one result to several callers, and to tell of it: a way to give its value, a way to give its error, and
/// a way to say what its error is. A triple of the three implements all.
pub(crate) trait Share<T, E>: ShareValue<T> + ShareError<E> + DescribeError<E> {}

impl<T, E, S: ShareValue<T> + ShareError<E> + DescribeError<E>> Share<T, E> for S {}

impl<T, V: ShareValue<T>, S: 'static, D: 'static> ShareValue<T> for (V, S, D) {
    fn value(
        decoded: &Decoded,
        decode: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        V::value(decoded, decode)
    }
}

impl<E, V, S, D: DescribeError<E>> DescribeError<E> for (V, S, D) {
    fn describe(error: &E) -> String {
        D::describe(error)
    }
}

impl<E, V, S: KeepError<E>, D> KeepError<E> for (V, S, D) {
    type Kept = S::Kept;
}

impl<E, V: 'static, S: ShareError<E>, D: 'static> ShareError<E> for (V, S, D) {
    fn part(error: E) -> Result<(Self::Kept, Option<SharedErr>), E> {
        S::part(error)
    }

    fn own(kept: Self::Kept) -> E {
        S::own(kept)
    }

    fn unpack(shared: &(dyn Any + Send + Sync)) -> Option<E> {
        S::unpack(shared)
    }
}
