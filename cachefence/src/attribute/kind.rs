//! What kind of return type a function has, decided by the type and not by its name.
//!
//! An attribute sees tokens, and `io::Result<T>` or `Api<T>` may or may not be a `Result`. The
//! expansion calls `(&&&&&Probe::<R>::new()).__cachefence_kind()` with the traits below in scope; method
//! resolution tries the receiver with the most references first, so the first of these wins:
//!
//! 1. a `Result` whose error is `Clone` (and `Send`, as in 2 and 3), or is a `std::io::Error`,
//! 2. a `Result` whose error is made of a [`SharedError`],
//! 3. a `Result` whose error is neither,
//! 4. a `Result` whose error is not `Send`,
//! 5. anything else.
//!
//! In the same way `(&&&Probe::<R>::new()).__cachefence_values()` finds how callers that wait together come
//! to one value: by cloning it, where it can be cloned and sent, else by decoding it each. And
//! `(&&Probe::<R>::new()).__cachefence_errors()` finds how to say what an error is that no caller is given.

use std::borrow::Borrow;
use std::convert::{Infallible, identity};
use std::fmt::{self, Display};
use std::future::Future;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Call;
use crate::cache::CacheFence;
use crate::share::{self, DescribeError, KeepError, ShareError, ShareValue, SharedError};

/// Asks what kind of type `R` is.
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// A probe for the type `R`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> fmt::Debug for Probe<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// A `Result` whose `Ok` is cached; `S` says how its error is shared, `V` how its value is, and `D` what its
/// error is.
#[derive(Debug)]
pub struct Fallible<S, V = (), D = ()>(PhantomData<(S, V, D)>);

/// A value that is cached whatever it is; `V` says how it is shared.
#[derive(Debug)]
pub struct Infallibly<V = ()>(PhantomData<V>);

/// The first choice: every caller gets a clone of the error.
pub trait ByClone {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::ByClone> {
        Fallible(PhantomData)
    }
}

impl<T, E: Clone + Send + Sync + 'static> ByClone for &&&&Probe<Result<T, E>> {}

/// The first choice for [`std::io::Error`], which cannot be cloned: every caller gets an error of its kind.
pub trait ByKind {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::ByKind> {
        Fallible(PhantomData)
    }
}

impl<T> ByKind for &&&&Probe<Result<T, std::io::Error>> {}

/// The second choice: the other callers get errors made of a [`SharedError`].
pub trait ByFrom {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::ByFrom> {
        Fallible(PhantomData)
    }
}

impl<T, E: Display + From<SharedError> + Send> ByFrom for &&&Probe<Result<T, E>> {}

/// The third choice: the other callers run their own bodies.
pub trait NotShared {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::NotShared> {
        Fallible(PhantomData)
    }
}

impl<T, E: Send> NotShared for &&Probe<Result<T, E>> {}

/// The fourth choice: as the third, for an error that cannot be kept across an await.
pub trait NotKept {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::NotKept> {
        Fallible(PhantomData)
    }
}

impl<T, E> NotKept for &Probe<Result<T, E>> {}

/// The fifth choice: the type is no `Result`.
pub trait Plain {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Infallibly {
        Infallibly(PhantomData)
    }
}

impl<R> Plain for Probe<R> {}

/// A value that can be written to a cache.
///
/// This trait and [`Restored`] stand for serde's, so that the compiler's message is about the cached
/// function. There are two of them, so that the message names the one that is missing.
#[diagnostic::on_unimplemented(
    message = "a cached function cannot return `{Self}`, which cannot be written to the cache",
    label = "`{Self}` does not implement `serde::Serialize`",
    note = "derive `serde::Serialize` for it, or return a type that has it; a type parameter needs it as a bound"
)]
pub trait Stored: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Stored for T {}

/// A value that can be read back from a cache.
#[diagnostic::on_unimplemented(
    message = "a cached function cannot return `{Self}`, which cannot be read back from the cache",
    label = "`{Self}` does not implement `serde::de::DeserializeOwned`",
    note = "derive `serde::Deserialize` for it, or return an owned type that has it: a value that borrows cannot be cached; a type parameter needs it as a bound"
)]
pub trait Restored: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Restored for T {}

/// The first choice for the value: one caller decodes, and the others get clones.
pub trait CloneOne {
    /// The way to share the value.
    fn __cachefence_values(&self) -> share::CloneOne {
        share::CloneOne
    }
}

impl<T: Clone + Send + Sync + 'static, E> CloneOne for &&Probe<Result<T, E>> {}

impl<R: Clone + Send + Sync + 'static> CloneOne for &Probe<R> {}

/// The second choice for the value: every caller decodes for itself.
pub trait DecodeEach {
    /// The way to share the value.
    fn __cachefence_values(&self) -> share::DecodeEach {
        share::DecodeEach
    }
}

impl<R> DecodeEach for Probe<R> {}

/// The first choice for what the error is: its own words.
pub trait ByDisplay {
    /// The way to describe the error.
    fn __cachefence_errors(&self) -> share::ByDisplay {
        share::ByDisplay
    }
}

impl<T, E: Display> ByDisplay for &Probe<Result<T, E>> {}

/// The second choice for what the error is: its type.
pub trait ByType {
    /// The way to describe the error.
    fn __cachefence_errors(&self) -> share::ByType {
        share::ByType
    }
}

impl<R> ByType for Probe<R> {}

impl<S> Fallible<S> {
    /// The same kind, with values that are shared by `V`, and errors that are described by `D`.
    pub fn with<V, D>(self, _values: V, _errors: D) -> Fallible<S, V, D> {
        Fallible(PhantomData)
    }
}

impl Infallibly {
    /// The same kind, with values that are shared by `V`. There are no errors to describe.
    pub fn with<V, D>(self, _values: V, _errors: D) -> Infallibly<V> {
        Infallibly(PhantomData)
    }
}

impl<S, V, D> Fallible<S, V, D> {
    /// Serves one call.
    pub fn run<T: Stored + Restored, E, F: Future<Output = Result<T, E>>>(
        self,
        call: Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, E>>
    where
        S: ShareError<E>,
        V: ShareValue<T>,
        D: DescribeError<E> + 'static,
    {
        call.run::<E, (V, S, D), _, _, F>((identity, identity), body)
    }

    /// Serves one call, with refreshes in tasks of their own.
    pub fn run_in_background<T, E, F>(
        self,
        call: Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, E>>
    where
        T: Stored + Restored + Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        S: ShareError<E> + KeepError<E, Kept = E>,
        V: ShareValue<T>,
        D: DescribeError<E> + 'static,
    {
        let body = body(); // the future has to be `Send`, but the closure need not be
        call.run_in_background::<E, (V, S, D), _, _, F>((identity, identity), move || body)
    }
}

impl<V> Infallibly<V> {
    /// Serves one call.
    pub fn run<T: Stored + Restored, F: Future<Output = T>>(
        self,
        call: Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = T>
    where
        V: ShareValue<T>,
    {
        call.run::<Infallible, (V, share::ByClone, share::ByDisplay), _, _, F>((Ok, never), body)
    }

    /// Serves one call, with refreshes in tasks of their own.
    pub fn run_in_background<T, F>(
        self,
        call: Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = T>
    where
        T: Stored + Restored + Send + 'static,
        F: Future<Output = T> + Send + 'static,
        V: ShareValue<T>,
    {
        let body = body();
        call.run_in_background::<Infallible, (V, share::ByClone, share::ByDisplay), _, _, F>(
            (Ok, never),
            move || body,
        )
    }
}

fn never<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
