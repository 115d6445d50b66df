//! Giving the error of one recompute to all the callers that waited for it.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

/// An error on its way to the other callers of a flight.
pub(crate) type Parcel = Arc<dyn Any + Send + Sync>;

/// A way to give an error of type `E` to several callers.
///
/// The caller whose recompute failed gets the error itself, after its lease has been released. The type that it
/// keeps across that await is [`Kept`](Self::Kept), not `E`, so that its future can be `Send` where `E` is not.
pub trait ShareError<E>: 'static {
    /// What the caller keeps while its lease is released.
    type Kept;

    /// Splits an error into what the caller keeps and what the other callers get, which is `None` if the error
    /// cannot be shared. `Err` gives the error back: it cannot be kept, so the caller does not wait for the release.
    fn part(error: E) -> Result<(Self::Kept, Option<Parcel>), E>;

    /// The caller's own error.
    fn own(kept: Self::Kept) -> E;

    /// This caller's error, from another caller's parcel; `None` if the parcel was made for another type of error.
    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E>;
}

/// Every caller gets a clone.
#[derive(Debug)]
pub struct ByClone;

impl<E: Clone + Send + Sync + 'static> ShareError<E> for ByClone {
    type Kept = E;

    fn part(error: E) -> Result<(E, Option<Parcel>), E> {
        let parcel: Parcel = Arc::new(error.clone());
        Ok((error, Some(parcel)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E> {
        parcel.downcast_ref::<E>().cloned()
    }
}

/// Every caller but the first gets an error made of a [`SharedError`].
#[derive(Debug)]
pub struct ByFrom;

impl<E: fmt::Display + From<SharedError>> ShareError<E> for ByFrom {
    type Kept = E;

    fn part(error: E) -> Result<(E, Option<Parcel>), E> {
        let parcel: Parcel = Arc::new(SharedError(error.to_string().into()));
        Ok((error, Some(parcel)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E> {
        parcel.downcast_ref::<SharedError>().cloned().map(E::from)
    }
}

/// Only the caller whose recompute failed gets the error; the others run their own recomputes.
#[derive(Debug)]
pub struct NotShared;

impl<E> ShareError<E> for NotShared {
    type Kept = E;

    fn part(error: E) -> Result<(E, Option<Parcel>), E> {
        Ok((error, None))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(_: &(dyn Any + Send + Sync)) -> Option<E> {
        None
    }
}

/// As [`NotShared`], for an error that is not `Send` and so cannot be kept across an await.
#[derive(Debug)]
pub struct NotKept;

impl<E> ShareError<E> for NotKept {
    type Kept = Infallible;

    fn part(error: E) -> Result<(Infallible, Option<Parcel>), E> {
        Err(error)
    }

    fn own(kept: Infallible) -> E {
        match kept {}
    }

    fn unpack(_: &(dyn Any + Send + Sync)) -> Option<E> {
        None
    }
}

/// The error of a recompute that another caller ran.
///
/// Of the callers that waited for one recompute, the one that ran it gets the error itself. Where
/// the error type is not `Clone`, `Send` and `Sync`, implement `From<SharedError>` for it, and the others get an error
/// made from this one; otherwise they run their own recomputes, at most 16 at a time per key.
///
/// # Examples
///
/// ```
/// # use std::fmt;
/// #[derive(Debug)]
/// enum LoadError {
///     Io(std::io::Error), // not `Clone`
///     Shared(cachefence::SharedError),
/// }
///
/// impl From<cachefence::SharedError> for LoadError {
///     fn from(error: cachefence::SharedError) -> Self {
///         Self::Shared(error)
///     }
/// }
/// # impl fmt::Display for LoadError {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedError(Arc<str>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SharedError {}
