//! What kind of return type a function has, decided by the type and not by its name.
//!
//! An attribute sees tokens, and `io::Result<T>` or `Api<T>` may or may not be a `Result`. The
//! expansion calls `(&&&&Probe::<R>::new()).__cachefence_kind()` with the traits below in scope; method
//! resolution tries the receiver with the most references first, so the first of these wins:
//!
//! 1. a `Result` whose error is `Clone` (and `Send` and `Sync`), or is a `std::io::Error`,
//! 2. a `Result` whose error is neither, but is `Send`,
//! 3. a `Result` whose error is not `Send`,
//! 4. anything else.
//!
//! In the same way `(&&&Probe::<R>::new()).__cachefence_values()` finds how callers that wait together come
//! to one value: by cloning it, where it can be cloned and sent, else by decoding it each.
//! `(&&Probe::<R>::new()).__cachefence_errors()` finds how to say what an error is that no caller is given. And
//! `__cachefence_equality()` and `__cachefence_print()` find how a value is compared with what is read back of it.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::future::Future;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Call;
use crate::cache::CacheFence;
use crate::fetch as convert;
use crate::share::{self, DescribeError, KeepError, ShareError, ShareValue, Sharing};
use crate::verify::compare::{self, CompareValue};

/// The traits that a probe is asked by, without their names, which could stand for types of the user.
pub mod probes {
    pub use super::{
        ByDebug as _, ByDisplay as _, ByKind as _, ByPartialEq as _, ByType as _, DecodeEach as _,
        NotCompared as _, NotPrinted as _, NotShared as _, Plain as _,
    };
}

/// Asks what kind of type `R` is.
///
/// `F` is `fn(&()) -> R` where `R` may have a lifetime that is elided, since only what owns everything may be kept for other
/// callers; see [`Owns`].
pub struct Probe<R, F = ()>(PhantomData<fn() -> (R, F)>);

/// Says that `R` hides no lifetime.
///
/// A lifetime cannot decide between two choices, since method lookup ignores it. But if `R` has one that is elided, then that is the
/// argument's in `fn(&()) -> R`, which is then no function type that returns one `R`.
pub trait Owns<R> {}

/// The macro has seen that there is none.
impl<R> Owns<R> for () {}

impl<R> Owns<R> for fn(&()) -> R {}

impl<R, F> Probe<R, F> {
    /// A probe for the type `R`.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R, F> fmt::Debug for Probe<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// A `Result` whose `Ok` is cached; `S` says how its error is shared, `V` how its value is, `D` what its error is,
/// and `C` how values are compared.
#[derive(Debug)]
pub struct Fallible<S, V = (), D = (), C = ()>(S, PhantomData<(V, D, C)>);

/// A value that is cached whatever it is; `V` says how it is shared, and `C` how values are compared.
#[derive(Debug)]
pub struct Infallibly<V = (), C = ()>(PhantomData<(V, C)>);

/// The first choice: every caller gets a clone of the error.
pub trait ByClone {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::ByClone> {
        Fallible(share::ByClone, PhantomData)
    }
}

impl<T, E: Clone + Send + Sync + 'static, F: Owns<Result<T, E>>> ByClone
    for &&&Probe<Result<T, E>, F>
{
}

/// The first choice for [`std::io::Error`], which cannot be cloned: every caller gets an error of its kind.
pub trait ByKind {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::ByKind> {
        Fallible(share::ByKind, PhantomData)
    }
}

impl<T, F> ByKind for &&&Probe<Result<T, std::io::Error>, F> {}

/// The second choice: the other callers run their own bodies.
pub trait NotShared {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::NotShared> {
        Fallible(share::NotShared, PhantomData)
    }
}

impl<T, E: Send, F> NotShared for &&Probe<Result<T, E>, F> {}

/// The third choice: as the second, for an error that cannot be kept across an await.
pub trait NotKept {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::NotKept> {
        Fallible(share::NotKept, PhantomData)
    }
}

impl<T, E, F> NotKept for &Probe<Result<T, E>, F> {}

/// The third choice for a detached function, whose error has to be sent. It is refused for that.
pub trait NotSent {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Fallible<share::NotShared> {
        Fallible(share::NotShared, PhantomData)
    }
}

impl<T, E, F> NotSent for &Probe<Result<T, E>, F> {}

/// The fourth choice: the type is no `Result`.
pub trait Plain {
    /// The kind of the return type.
    fn __cachefence_kind(&self) -> Infallibly {
        Infallibly(PhantomData)
    }
}

impl<R, F> Plain for Probe<R, F> {}

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

/// A value or an error of a detached load, which is sent from the load's task to the caller.
#[diagnostic::on_unimplemented(
    message = "`detached` runs the body in a task of its own, from which `{Self}` cannot be sent",
    label = "`{Self}` is not `Send`",
    note = "return something that is `Send`, `Box<dyn Error + Send + Sync>` in place of `Box<dyn Error>` for example, or leave out `detached`"
)]
pub trait Sent: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Sent for T {}

/// The first choice for the value: one caller decodes, and the others get clones.
pub trait CloneOne {
    /// The way to share the value.
    fn __cachefence_values(&self) -> share::CloneOne {
        share::CloneOne
    }
}

impl<T: Clone + Send + Sync + 'static, E, F: Owns<Result<T, E>>> CloneOne
    for &&Probe<Result<T, E>, F>
{
}

impl<R: Clone + Send + Sync + 'static, F: Owns<R>> CloneOne for &Probe<R, F> {}

/// The second choice for the value: every caller decodes for itself.
pub trait DecodeEach {
    /// The way to share the value.
    fn __cachefence_values(&self) -> share::DecodeEach {
        share::DecodeEach
    }
}

impl<R, F> DecodeEach for Probe<R, F> {}

/// The first choice for what the error is: its own words.
pub trait ByDisplay {
    /// The way to describe the error.
    fn __cachefence_errors(&self) -> share::ByDisplay {
        share::ByDisplay
    }
}

impl<T, E: Display, F> ByDisplay for &Probe<Result<T, E>, F> {}

/// The second choice for what the error is: its type.
pub trait ByType {
    /// The way to describe the error.
    fn __cachefence_errors(&self) -> share::ByType {
        share::ByType
    }
}

impl<R, F> ByType for Probe<R, F> {}

/// The first choice for comparing two values.
pub trait ByPartialEq {
    /// The way to find out whether two values are equal.
    fn __cachefence_equality(&self) -> compare::ByPartialEq {
        compare::ByPartialEq
    }
}

impl<T: PartialEq, E, F> ByPartialEq for &&Probe<Result<T, E>, F> {}

impl<R: PartialEq, F> ByPartialEq for &Probe<R, F> {}

/// The second choice for comparing two values: nobody can see whether they are equal.
pub trait NotCompared {
    /// The way to find out whether two values are equal.
    fn __cachefence_equality(&self) -> compare::Unknown {
        compare::Unknown
    }
}

impl<R, F> NotCompared for Probe<R, F> {}

/// The first choice for printing a value.
pub trait ByDebug {
    /// The way to print the value.
    fn __cachefence_print(&self) -> compare::ByDebug {
        compare::ByDebug
    }
}

impl<T: fmt::Debug, E, F> ByDebug for &&Probe<Result<T, E>, F> {}

impl<R: fmt::Debug, F> ByDebug for &Probe<R, F> {}

/// The second choice for printing a value: it cannot be printed.
pub trait NotPrinted {
    /// The way to print the value.
    fn __cachefence_print(&self) -> compare::Unknown {
        compare::Unknown
    }
}

impl<R, F> NotPrinted for Probe<R, F> {}

impl<S> Fallible<S> {
    /// The same kind, with values that are shared by `V` and compared by `Q` and `P`, and errors that are described
    /// by `D`.
    pub fn with<V, D, Q, P>(self, _: V, _: D, _: Q, _: P) -> Fallible<S, V, D, (Q, P)> {
        Fallible(self.0, PhantomData)
    }
}

/// The return types on which `clone_error` may stand.
#[diagnostic::on_unimplemented(
    message = "`clone_error` makes copies of an error, and `{Self}` is no `Result`",
    label = "this function returns no error"
)]
pub trait Fails {
    /// The type of the error.
    type Error;
}

impl<T, E> Fails for Result<T, E> {
    type Error = E;
}

impl<S> Fallible<S> {
    /// The kind of a function whose error is copied by `clone`, as `clone_error` says.
    pub fn clone_by<R: Fails, F>(
        self,
        _: &Probe<R, F>,
        clone: fn(&R::Error) -> R::Error,
    ) -> Fallible<share::ByFn<R::Error>> {
        Fallible(share::ByFn(clone), PhantomData)
    }
}

impl Infallibly {
    /// Never compiles: there is no error to be copied.
    #[must_use]
    pub fn clone_by<R: Fails, F, C>(self, _: &Probe<R, F>, _: C) -> Self {
        self
    }
}

impl Infallibly {
    /// The same kind, with values that are shared by `V` and compared by `Q` and `P`. There are no errors to
    /// describe.
    pub fn with<V, D, Q, P>(self, _: V, _: D, _: Q, _: P) -> Infallibly<V, (Q, P)> {
        Infallibly(PhantomData)
    }
}

impl<S, V, D, C> Fallible<S, V, D, C> {
    /// Serves one call.
    pub fn run<T: Stored + Restored, E, F: Future<Output = Result<T, E>>>(
        self,
        call: &Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, E>>
    where
        S: ShareError<E>,
        V: ShareValue<T>,
        D: DescribeError<E> + 'static,
        C: CompareValue<T>,
    {
        call.run::<convert::Fallible, E, _, _, F>(Sharing::<V, S, D, C>::new(self.0), body)
    }

    /// Serves one call, with loads in tasks of their own.
    pub fn run_detached<'a, T, E, F>(
        self,
        call: &'a Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F + Send + 'a,
    ) -> impl Future<Output = Result<T, E>>
    where
        T: Stored + Restored + Sent,
        E: Sent,
        F: Future<Output = Result<T, E>> + Send + 'static,
        S: ShareError<E> + KeepError<E, Kept = E>,
        V: ShareValue<T>,
        D: DescribeError<E> + 'static,
        C: CompareValue<T>,
    {
        let share = Sharing::<V, S, D, C>::new(self.0);
        call.run_detached::<convert::Fallible, E, _, F>(share, body)
    }
}

impl<V, C> Infallibly<V, C> {
    const SHARE: Sharing<V, share::ByClone, share::ByDisplay, C> = Sharing::new(share::ByClone);

    /// Serves one call.
    pub fn run<T: Stored + Restored, F: Future<Output = T>>(
        self,
        call: &Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F,
    ) -> impl Future<Output = T>
    where
        V: ShareValue<T>,
        C: CompareValue<T>,
    {
        call.run::<convert::Plain, Infallible, _, _, F>(Self::SHARE, body)
    }

    /// Serves one call, with loads in tasks of their own.
    pub fn run_detached<'a, T, F>(
        self,
        call: &'a Call<T, impl Borrow<CacheFence>>,
        body: impl FnOnce() -> F + Send + 'a,
    ) -> impl Future<Output = T>
    where
        T: Stored + Restored + Sent,
        F: Future<Output = T> + Send + 'static,
        V: ShareValue<T>,
        C: CompareValue<T>,
    {
        call.run_detached::<convert::Plain, Infallible, _, F>(Self::SHARE, body)
    }
}
