//! Giving one result to all the callers that waited for it.

mod error;
mod value;

use std::any::Any;

pub use self::error::SharedError;
pub(crate) use self::error::{ByClone, ByFrom, NotKept, NotShared, Parcel, ShareError};
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

impl<E, V: 'static, S: ShareError<E>> ShareError<E> for (V, S) {
    type Kept = S::Kept;

    fn part(error: E) -> Result<(Self::Kept, Option<Parcel>), E> {
        S::part(error)
    }

    fn own(kept: Self::Kept) -> E {
        S::own(kept)
    }

    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E> {
        S::unpack(parcel)
    }
}
