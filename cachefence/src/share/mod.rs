//! Giving one result to all the callers that waited for it.

mod error;
mod value;

use std::any::Any;

pub use self::error::SharedError;
pub(crate) use self::error::{
    ByClone, ByFrom, KeepError, NotKept, NotShared, ShareError, SharedErr,
};
pub(crate) use self::value::{CloneOne, DecodeEach, Decoded, ShareValue};

/// A way to give one result to several callers: a way to give its value and a way to give its error. A pair of the two
/// implements both.
pub(crate) trait Share<T, E>: ShareValue<T> + ShareError<E> {}

impl<T, E, S: ShareValue<T> + ShareError<E>> Share<T, E> for S {}

impl<T, V: ShareValue<T>, S: 'static> ShareValue<T> for (V, S) {
    fn value(decoded: &Decoded, decode: impl FnOnce() -> Option<T>) -> Option<T> {
        V::value(decoded, decode)
    }
}

impl<E, V, S: KeepError<E>> KeepError<E> for (V, S) {
    type Kept = S::Kept;
}

impl<E, V: 'static, S: ShareError<E>> ShareError<E> for (V, S) {
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
