//! Saying what an error is, for those who operate the program, where no caller is given it.

use std::any::type_name;
use std::fmt::Display;
use std::sync::Arc;

/// A way to say what an error of type `E` is.
pub trait DescribeError<E> {
    /// What the error is, in words.
    fn describe(error: &E) -> String;
}

/// By the error's `Display`, with its causes where the alternate form shows them (`anyhow`).
#[derive(Debug)]
pub struct ByDisplay;

impl<E: Display> DescribeError<E> for ByDisplay {
    fn describe(error: &E) -> String {
        format!("{error:#}")
    }
}

/// By the name of the error's type, because the error has no `Display`.
#[derive(Debug)]
pub struct ByType;

impl<E> DescribeError<E> for ByType {
    fn describe(_: &E) -> String {
        type_name::<E>().to_owned()
    }
}

/// As [`ByType`], of an error that its callers share in an `Arc`.
#[derive(Debug)]
pub(crate) struct ByTypeInArc;

impl<E> DescribeError<Arc<E>> for ByTypeInArc {
    fn describe(_: &Arc<E>) -> String {
        type_name::<E>().to_owned()
    }
}
