//! The arguments of a detached load, which its task has to own.
//!
//! The body of a detached function runs in a task, which cannot borrow from its caller. So the caller that begins
//! the load copies what is borrowed, and lends the copy to the body: the body sees an argument of the same type.
//! The attribute does not know types, so the compiler chooses how an argument is handed over, as it chooses the
//! [kind](super::kind) of a function. `(&&&&&&of(&argument)).__cachefence_way()` gives the first of these:
//!
//! 1. a reference to what can be copied, or an `Option` of one, or a `Cow`: [copy](ByCopy) it,
//! 2. a reference to what can be copied and not be shared between threads: an error,
//! 3. any other reference: an error,
//! 4. an owned value that can be sent to another thread: [move](ByMove) it,
//! 5. any other owned value: an error.
//!
//! An argument that cannot be handed over gives exactly one error: the bound on a trait without impls, whose message
//! says what to do.

use std::borrow::Cow;
use std::marker::PhantomData;

/// An argument's type.
#[derive(Debug)]
pub struct Of<A: ?Sized>(PhantomData<*const A>);

/// The type of an argument.
pub fn of<A>(_: &A) -> Of<A> {
    Of(PhantomData)
}

/// The ways to hand an argument over.
#[derive(Debug)]
pub struct ByCopy;
/// See [`ByCopy`].
#[derive(Debug)]
pub struct ByCopyOfOption;
/// See [`ByCopy`].
#[derive(Debug)]
pub struct ByCopyOfCow;
/// See [`ByCopy`].
#[derive(Debug)]
pub struct ByMove;
/// A way that does not exist.
#[derive(Debug)]
pub struct NotShareable;
/// A way that does not exist.
#[derive(Debug)]
pub struct NotCloneable;
/// A way that does not exist.
#[derive(Debug)]
pub struct NotSendable;

/// A reference to what can be copied into a task.
pub trait Borrowed {
    /// The way to hand the argument over.
    fn __cachefence_way(&self) -> ByCopy {
        ByCopy
    }
}

impl<T: ?Sized + ToOwned + Sync + 'static> Borrowed for &&&&&Of<&T> where T::Owned: Send {}

/// The same inside an `Option`.
pub trait BorrowedOption {
    /// The way to hand the argument over.
    fn __cachefence_way(&self) -> ByCopyOfOption {
        ByCopyOfOption
    }
}

impl<T: ?Sized + ToOwned + Sync + 'static> BorrowedOption for &&&&&Of<Option<&T>> where
    T::Owned: Send
{
}

/// The same in a `Cow`.
pub trait BorrowedCow {
    /// The way to hand the argument over.
    fn __cachefence_way(&self) -> ByCopyOfCow {
        ByCopyOfCow
    }
}

impl<T: ?Sized + ToOwned + Sync + 'static> BorrowedCow for &&&&&Of<Cow<'_, T>> where T::Owned: Send {}

/// A reference to what cannot be shared between threads.
pub trait Unshareable {
    /// No way to hand the argument over.
    fn __cachefence_way(&self) -> NotShareable {
        NotShareable
    }
}

impl<T: ?Sized + ToOwned> Unshareable for &&&&Of<&T> {}

/// A reference to what cannot be copied.
pub trait Uncloneable {
    /// No way to hand the argument over.
    fn __cachefence_way(&self) -> NotCloneable {
        NotCloneable
    }
}

impl<T: ?Sized> Uncloneable for &&&Of<&T> {}

/// An owned argument.
pub trait Owned {
    /// The way to hand the argument over.
    fn __cachefence_way(&self) -> ByMove {
        ByMove
    }
}

impl<T: Send> Owned for &&Of<T> {}

/// An owned argument that cannot be sent to another thread.
pub trait Unsendable {
    /// No way to hand the argument over.
    fn __cachefence_way(&self) -> NotSendable {
        NotSendable
    }
}

impl<T> Unsendable for &Of<T> {}

/// The copy of a borrowed argument, which a task owns.
#[derive(Debug)]
pub struct Lent<T: ?Sized + ToOwned>(T::Owned);

impl<T: ?Sized + ToOwned> Lent<T> {
    /// The argument.
    pub fn lend(&self) -> &T {
        std::borrow::Borrow::borrow(&self.0)
    }
}

/// The copy of a borrowed argument in an `Option`, which a task owns.
#[derive(Debug)]
pub struct LentOption<T: ?Sized + ToOwned>(Option<T::Owned>);

impl<T: ?Sized + ToOwned> LentOption<T> {
    /// The argument.
    pub fn lend(&self) -> Option<&T> {
        self.0.as_ref().map(std::borrow::Borrow::borrow)
    }
}

/// An argument that a task owns as it was.
#[derive(Debug)]
pub struct Moved<A>(A);

impl<A> Moved<A> {
    /// The argument.
    pub fn lend(self) -> A {
        self.0
    }
}

impl ByCopy {
    /// Copies the argument.
    pub fn own<T: ?Sized + ToOwned>(self, argument: &T) -> Lent<T> {
        Lent(argument.to_owned())
    }
}

impl ByCopyOfOption {
    /// Copies the argument.
    pub fn own<T: ?Sized + ToOwned>(self, argument: Option<&T>) -> LentOption<T> {
        LentOption(argument.map(ToOwned::to_owned))
    }
}

impl ByCopyOfCow {
    /// Copies the argument, if it is borrowed.
    pub fn own<T: ?Sized + ToOwned>(self, argument: Cow<'_, T>) -> Moved<Cow<'static, T>> {
        Moved(Cow::Owned(argument.into_owned()))
    }
}

impl ByMove {
    /// Moves the argument.
    pub fn own<A: 'static>(self, argument: A) -> Moved<A> {
        Moved(argument)
    }
}

/// A value of which references can be handed to a task.
#[diagnostic::on_unimplemented(
    message = "`detached` runs the body in a task of its own, to which `&{Self}` cannot be handed",
    label = "`{Self}` is not `Send` and `Sync`",
    note = "take something that is `Send` and `Sync`, an `Arc<Mutex<..>>` for example, or leave out `detached`"
)]
pub trait CanBeShared {}

/// A value that can be copied for a task.
#[diagnostic::on_unimplemented(
    message = "`detached` runs the body in a task of its own, for which `{Self}` has to be copied",
    label = "`{Self}` is borrowed, and is not `Clone`",
    note = "derive `Clone` for it, take it by value or in an `Arc` (`self: Arc<Self>` for `&self`), or leave out `detached`"
)]
pub trait CanBeCloned {}

/// A value that can be moved to a task.
#[diagnostic::on_unimplemented(
    message = "`detached` runs the body in a task of its own, to which `{Self}` cannot be sent",
    label = "`{Self}` is not `Send`",
    note = "take something that is `Send`, an `Arc` in place of an `Rc` for example, or leave out `detached`"
)]
pub trait CanBeSent {}

impl NotShareable {
    /// Never compiles.
    pub fn own<T: ?Sized + ToOwned + CanBeShared>(self, argument: &T) -> Moved<&T> {
        Moved(argument)
    }
}

impl NotCloneable {
    /// Never compiles.
    pub fn own<T: ?Sized + CanBeCloned>(self, argument: &T) -> Moved<&T> {
        Moved(argument)
    }
}

impl NotSendable {
    /// Never compiles.
    pub fn own<A: CanBeSent>(self, argument: A) -> Moved<A> {
        Moved(argument)
    }
}
