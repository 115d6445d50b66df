//! Giving the error of one recompute to all the callers that waited for it.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

/// An error on its way to the other callers of a flight.
pub(crate) type SharedErr = Arc<dyn Any + Send + Sync>;

/// What the caller whose body failed keeps of its error while the engine tells others of it: a type of
/// its own, so that the caller's future is `Send` whenever that can be.
///
/// A trait of its own, whose impls bound no lifetime: the check of `Send` erases lifetimes, and would
/// find no impl for an error such as `&'static str` if one asked for `'static`.
pub trait KeepError<E> {
    /// What is kept.
    type Kept;
}

impl<E> KeepError<E> for ByClone {
    type Kept = E;
}

impl<E> KeepError<E> for ByFrom {
    type Kept = E;
}

impl<E> KeepError<E> for NotShared {
    type Kept = E;
}

impl<E> KeepError<E> for NotKept {
    type Kept = Infallible;
}

/// A way to give an error of type `E` to several callers.
///
/// The caller whose body failed gets the error itself.
pub trait ShareError<E>: KeepError<E> + 'static {
    /// Splits an error into what the caller keeps and what the other callers get, which is `None` if the
    /// error cannot be shared. `Err` gives the error back: it cannot be kept, so the caller does not wait
    /// for its load to end for the others.
    fn part(error: E) -> Result<(Self::Kept, Option<SharedErr>), E>;

    /// The caller's own error.
    fn own(kept: Self::Kept) -> E;

    /// This caller's error, from what another caller shared; `None` if that is another type of error.
    fn unpack(shared: &(dyn Any + Send + Sync)) -> Option<E>;
}

/// Every caller gets a clone.
#[derive(Debug)]
pub struct ByClone;

impl<E: Clone + Send + Sync + 'static> ShareError<E> for ByClone {
    fn part(error: E) -> Result<(E, Option<SharedErr>), E> {
        let shared: SharedErr = Arc::new(error.clone());
        Ok((error, Some(shared)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(shared: &(dyn Any + Send + Sync)) -> Option<E> {
        shared.downcast_ref::<E>().cloned()
    }
}

/// Every caller but the first gets an error made of a [`SharedError`].
#[derive(Debug)]
pub struct ByFrom;

impl<E: fmt::Display + From<SharedError>> ShareError<E> for ByFrom {
    fn part(error: E) -> Result<(E, Option<SharedErr>), E> {
        let shared: SharedErr = Arc::new(SharedError(error.to_string().into()));
        Ok((error, Some(shared)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(shared: &(dyn Any + Send + Sync)) -> Option<E> {
        shared.downcast_ref::<SharedError>().cloned().map(E::from)
    }
}

/// Only the caller whose recompute failed gets the error; the others run their own recomputes.
#[derive(Debug)]
pub struct NotShared;

impl<E> ShareError<E> for NotShared {
    fn part(error: E) -> Result<(E, Option<SharedErr>), E> {
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
    fn part(error: E) -> Result<(Infallible, Option<SharedErr>), E> {
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
