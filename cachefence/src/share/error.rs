//! Giving the error of one recompute to all the callers that waited for it.

use std::any::Any;
use std::convert::Infallible;
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

impl<E> KeepError<E> for ByFn<E> {
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
pub trait ShareError<E>: KeepError<E> + Copy + Send + Sync + 'static {
    /// Splits an error into what the caller keeps and what the other callers get, which is `None` if the
    /// error cannot be shared. `Err` gives the error back: it cannot be kept, so the caller does not wait
    /// for its load to end for the others.
    fn part(&self, error: E) -> Result<(Self::Kept, Option<SharedErr>), E>;

    /// The caller's own error.
    fn own(kept: Self::Kept) -> E;

    /// This caller's error, from what another caller shared; `None` if that is another type of error.
    fn unpack(&self, shared: &(dyn Any + Send + Sync)) -> Option<E>;
}

/// Every caller gets a clone.
#[derive(Debug, Clone, Copy)]
pub struct ByClone;

impl<E: Clone + Send + Sync + 'static> ShareError<E> for ByClone {
    fn part(&self, error: E) -> Result<(E, Option<SharedErr>), E> {
        let shared: SharedErr = Arc::new(error.clone());
        Ok((error, Some(shared)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(&self, shared: &(dyn Any + Send + Sync)) -> Option<E> {
        shared.downcast_ref::<E>().cloned()
    }
}

/// Every caller but the first gets what a function makes of the error.
#[derive(Debug)]
pub struct ByFn<E>(pub(crate) fn(&E) -> E);

impl<E> Clone for ByFn<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ByFn<E> {}

impl<E: Send + Sync + 'static> ShareError<E> for ByFn<E> {
    fn part(&self, error: E) -> Result<(E, Option<SharedErr>), E> {
        let shared: SharedErr = Arc::new((self.0)(&error));
        Ok((error, Some(shared)))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(&self, shared: &(dyn Any + Send + Sync)) -> Option<E> {
        shared.downcast_ref::<E>().map(self.0)
    }
}

/// Only the caller whose recompute failed gets the error; the others run their own recomputes.
#[derive(Debug, Clone, Copy)]
pub struct NotShared;

impl<E> ShareError<E> for NotShared {
    fn part(&self, error: E) -> Result<(E, Option<SharedErr>), E> {
        Ok((error, None))
    }

    fn own(kept: E) -> E {
        kept
    }

    fn unpack(&self, _: &(dyn Any + Send + Sync)) -> Option<E> {
        None
    }
}

/// As [`NotShared`], for an error that is not `Send` and so cannot be kept across an await.
#[derive(Debug, Clone, Copy)]
pub struct NotKept;

impl<E> ShareError<E> for NotKept {
    fn part(&self, error: E) -> Result<(Infallible, Option<SharedErr>), E> {
        Err(error)
    }

    fn own(kept: Infallible) -> E {
        match kept {}
    }

    fn unpack(&self, _: &(dyn Any + Send + Sync)) -> Option<E> {
        None
    }
}
