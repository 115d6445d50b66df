//! How one recompute's error reaches all the callers that waited for it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// An error on its way to the other callers of a flight.
pub(crate) type Parcel = Arc<dyn Any + Send + Sync>;

/// A way to give an error of type `E` to several callers.
pub trait Share<E>: 'static {
    /// Wraps the error for the others; `None` if it cannot be given to them.
    #[doc(hidden)]
    fn pack(error: &E) -> Option<Arc<dyn Any + Send + Sync>>;

    /// Makes one caller's error of it; `None` if it was packed by another kind of caller.
    #[doc(hidden)]
    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E>;
}

/// Every caller gets a clone.
#[derive(Debug)]
pub struct ByClone;

impl<E: Clone + Send + Sync + 'static> Share<E> for ByClone {
    fn pack(error: &E) -> Option<Parcel> {
        Some(Arc::new(error.clone()))
    }

    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E> {
        parcel.downcast_ref::<E>().cloned()
    }
}

/// Every caller but the first gets an error made of a [`SharedError`].
#[derive(Debug)]
pub struct ByFrom;

impl<E: fmt::Display + From<SharedError>> Share<E> for ByFrom {
    fn pack(error: &E) -> Option<Parcel> {
        Some(Arc::new(SharedError(error.to_string().into())))
    }

    fn unpack(parcel: &(dyn Any + Send + Sync)) -> Option<E> {
        parcel.downcast_ref::<SharedError>().cloned().map(E::from)
    }
}

/// Nobody but the first gets it; the others run their own recomputes.
#[derive(Debug)]
pub struct NotShared;

impl<E> Share<E> for NotShared {
    fn pack(_: &E) -> Option<Parcel> {
        None
    }

    fn unpack(_: &(dyn Any + Send + Sync)) -> Option<E> {
        None
    }
}

/// The error of a recompute that another caller ran.
///
/// Of the callers that waited for one recompute, the one that ran it gets the error itself. Where
/// the error type is not `Clone`, implement `From<SharedError>` for it, and the others get theirs
/// from this; otherwise they run their own recomputes, at most 16 at a time per key.
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
