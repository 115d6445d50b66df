//! Errors, written for the person who reads them at 3 a.m.: each says what happened, to which
//! template, and what to do. None holds the text of a key, or a password.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Any error, in a box.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call to the cache failed.
///
/// `E` is the error of the recompute; operations that run none have `E = Infallible`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error<E = Infallible> {
    /// The recompute failed. One failing recompute serves every caller that was waiting for it,
    /// so they share its error.
    Recompute(Arc<E>),
    /// The key cannot be used; nothing was read, run or stored.
    Key(InvalidKey),
    /// An option has a value that cannot be used; nothing was read, run or stored.
    Option(InvalidOption),
    /// The store did not do what it was asked. Reads and loads never fail for this reason: the
    /// recompute runs instead.
    Store(StoreError),
    /// A recompute asked for the key that it recomputes: it would wait for itself.
    Recursive,
    /// The codec could not encode the value that [`Entry::set`](crate::Entry::set) was given.
    Encode(BoxError),
    /// [`CacheFence::install`](crate::CacheFence::install) was called twice, or after an annotated
    /// function had already run with the stand-in for the cache that was not yet installed.
    AlreadyInstalled,
}

impl<E> Error<E> {
    /// The recompute's error; `None` for any other error.
    pub fn recompute(&self) -> Option<&E> {
        match self {
            Self::Recompute(cause) => Some(cause),
            _ => None,
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recompute(_) => f.write_str("the recompute failed"),
            Self::Key(error) => error.fmt(f),
            Self::Option(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Recursive => f.write_str(
                "a recompute asks for its own key and would wait for itself; ask for another key, \
                 or do without the cache there",
            ),
            Self::Encode(_) => f.write_str("the codec cannot encode the value"),
            Self::AlreadyInstalled => f.write_str(
                "a default cache is in place already; call `install` once, before the first call \
                 of an annotated function",
            ),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Recompute(cause) => Some(&**cause),
            Self::Store(error) => error.source(),
            Self::Encode(cause) => Some(&**cause),
            Self::Key(_) | Self::Option(_) | Self::Recursive | Self::AlreadyInstalled => None,
        }
    }
}

impl<E> From<InvalidKey> for Error<E> {
    fn from(error: InvalidKey) -> Self {
        Self::Key(error)
    }
}

impl<E> From<InvalidOption> for Error<E> {
    fn from(error: InvalidOption) -> Self {
        Self::Option(error)
    }
}

impl<E> From<StoreError> for Error<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKey {
    template: Option<&'static str>,
    problem: KeyProblem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyProblem {
    Empty,
    Unwritten,
}

impl InvalidKey {
    pub(crate) fn empty(template: Option<&'static str>) -> Self {
        Self { template, problem: KeyProblem::Empty }
    }

    pub(crate) fn unwritten(template: &'static str) -> Self {
        Self { template: Some(template), problem: KeyProblem::Unwritten }
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.template {
            Some(template) => write!(f, "a key of `{template}` ")?,
            None => f.write_str("the key ")?,
        }
        match self.problem {
            KeyProblem::Empty => f.write_str("is empty"),
            KeyProblem::Unwritten => f.write_str(
                "holds a value whose `Display` returned an error, so it might be taken for \
                 another; write its `KeyPart` by its fields, or mend its `Display`",
            ),
        }
    }
}

impl StdError for InvalidKey {}

/// An option whose value cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct InvalidOption {
    option: &'static str,
    problem: OptionProblem,
}

#[derive(Debug, Clone, PartialEq)]
enum OptionProblem {
    TooShort { given: Duration, shortest: Duration },
    TooLong { given: Duration, longest: Duration },
    NotANumber(f64),
    NotAShare(f64),
    Zero,
    Missing,
    Url(&'static str),
}

impl InvalidOption {
    pub(crate) fn too_short(option: &'static str, given: Duration, shortest: Duration) -> Self {
        Self { option, problem: OptionProblem::TooShort { given, shortest } }
    }

    pub(crate) fn too_long(option: &'static str, given: Duration, longest: Duration) -> Self {
        Self { option, problem: OptionProblem::TooLong { given, longest } }
    }

    pub(crate) fn not_a_factor(option: &'static str, given: f64) -> Self {
        Self { option, problem: OptionProblem::NotANumber(given) }
    }

    pub(crate) fn not_a_share(option: &'static str, given: f64) -> Self {
        Self { option, problem: OptionProblem::NotAShare(given) }
    }

    pub(crate) fn zero(option: &'static str) -> Self {
        Self { option, problem: OptionProblem::Zero }
    }

    pub(crate) fn missing(option: &'static str) -> Self {
        Self { option, problem: OptionProblem::Missing }
    }

    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    pub(crate) fn url(option: &'static str, problem: &'static str) -> Self {
        Self { option, problem: OptionProblem::Url(problem) }
    }

    /// The option's name, as the builder and the attribute call it.
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = self.option;
        match self.problem {
            OptionProblem::TooShort { given, shortest } => {
                write!(f, "`{option}` is {given:?}; the shortest is {shortest:?}")
            }
            OptionProblem::TooLong { given, longest } => {
                write!(f, "`{option}` is {given:?}; the longest that Redis can hold is {longest:?}")
            }
            OptionProblem::NotANumber(given) => {
                write!(f, "`{option}` is {given}; it must be a finite number, zero or above")
            }
            OptionProblem::NotAShare(given) => {
                write!(f, "`{option}` is {given}; it must be a number from 0 to 1")
            }
            OptionProblem::Zero => write!(f, "`{option}` is 0; it must be 1 or more"),
            OptionProblem::Missing => write!(f, "`{option}` is not set, and it has no default"),
            OptionProblem::Url(problem) => write!(f, "`{option}` is not a usable URL: {problem}"),
        }
    }
}

impl StdError for InvalidOption {}

/// A store that did not do what it was asked.
#[derive(Debug, Clone)]
pub struct StoreError {
    message: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Whether the error only follows from one that has been reported, and so is not worth a line in
    /// a log.
    unsaid: bool,
}

impl StoreError {
    /// An error that says what happened and what to do about it.
    pub fn new(message: impl Into<Arc<str>>) -> Self {
        Self { message: message.into(), source: None, unsaid: false }
    }

    /// An error that only repeats what has been reported.
    pub(crate) fn unsaid(message: impl Into<Arc<str>>) -> Self {
        Self { unsaid: true, ..Self::new(message) }
    }

    /// The error of a call that has waited for its store long enough.
    pub(crate) fn too_slow() -> Self {
        Self::new("the store takes longer than a call may wait for all of its operations together")
    }

    pub(crate) fn is_unsaid(&self) -> bool {
        self.unsaid
    }

    /// Adds the cause of the error, which `source()` returns.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
