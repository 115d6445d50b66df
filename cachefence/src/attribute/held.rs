//! What the entries of an annotated function hold: of a `Result` what `Ok` holds, of anything else the value itself.
//!
//! The companion writes this type into its signature, where the macro sees a name that may be an alias. So a constant asks the
//! compiler, [`Is::RESULT`], and [`Returns`] is chosen by that. A constant in a signature cannot name a generic parameter: a type
//! with one is guessed by its name, and [`check`] holds the guess against what the function stores.

use std::fmt;
use std::marker::PhantomData;

use super::kind::Probe;
use crate::entry::Entry;

/// The type of the companion's entry, where `F` is a function that returns what the annotated one does.
pub type EntryOf<F, const RESULT: bool> = Entry<<F as Returns<RESULT>>::Value>;

/// Asks whether `R` is a `Result`.
pub struct Is<R>(PhantomData<fn() -> R>);

impl<R> fmt::Debug for Is<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Is")
    }
}

/// The answer for what is no `Result`; an inherent constant goes before a trait's.
pub trait NoResult {
    /// Whether it is a `Result`.
    const RESULT: bool = false;
}

impl<R> NoResult for Is<R> {}

impl<T, E> Is<Result<T, E>> {
    /// Whether it is a `Result`.
    pub const RESULT: bool = true;
}

/// A function type whose return type is or is not a `Result`.
pub trait Returns<const RESULT: bool> {
    /// What is stored.
    type Value;
}

impl<T, E> Returns<true> for fn(&'static ()) -> Result<T, E> {
    type Value = T;
}

impl<R> Returns<false> for fn(&'static ()) -> R {
    type Value = R;
}

/// The first choice: a `Result`.
pub trait HoldsOk<T> {
    /// What is stored.
    fn __cachefence_held(&self) -> PhantomData<fn() -> T> {
        PhantomData
    }
}

impl<T, E, F> HoldsOk<T> for &Probe<Result<T, E>, F> {}

/// The second choice: anything else.
pub trait HoldsAny<R> {
    /// What is stored.
    fn __cachefence_held(&self) -> PhantomData<fn() -> R> {
        PhantomData
    }
}

impl<R, F> HoldsAny<R> for Probe<R, F> {}

/// A stored type that is the one which the companion names.
#[diagnostic::on_unimplemented(
    message = "this function stores `{Self}`, and the entry of its companion would hold `{V}`",
    label = "`{Self}` is stored",
    note = "name what is stored, as in `entry = {Self}`, or leave out the companion: `entry = false`"
)]
pub trait HeldAs<V> {}

impl<V> HeldAs<V> for V {}

/// Compiles if what is stored is a `V`.
pub fn check<V, S: HeldAs<V>>(_: PhantomData<fn() -> S>) {}
