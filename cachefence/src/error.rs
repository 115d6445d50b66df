//! Errors, written for the person who reads them at 3 a.m.: each says what happened, to which
//! template, and what to do. None holds the text of a key, or a password.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Any error, in a box, as a [`Codec`](crate::Codec) returns it; there is an example.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call to the cache failed.
///
/// `E` is the error of the recompute; operations that run none have `E = Infallible`. An annotated function returns none of these: its
/// error is its own.
///
/// # Examples
///
/// ```
/// # #[tokio::main] async fn main() {
/// use cachefence::{CacheFence, Error};
/// use std::io;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let load = || async { Err::<u32, _>(io::Error::from(io::ErrorKind::NotFound)) };
/// match CacheFence::in_memory().get_or_set("answer", minute, load).await {
///     Ok(answer) => println!("{answer}"),
///     Err(Error::Recompute(cause)) => assert_eq!(cause.kind(), io::ErrorKind::NotFound),
///     Err(error) => panic!("{error}"), // a key or an option that cannot be used
/// }
/// # }
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use cachefence::Error;
    /// use std::io;
    ///
    /// fn status(error: &Error<io::Error>) -> u16 {
    ///     match error.recompute() {
    ///         Some(cause) if cause.kind() == io::ErrorKind::NotFound => 404,
    ///         _ => 500,
    ///     }
    /// }
    /// # assert_eq!(status(&Error::Recursive), 500);
    /// ```
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
                "a default cache is in place already: one that was installed, or one in memory, which the first call \
                 of an annotated function makes; call `install` once, before that call",
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
///
/// ```
/// # #[tokio::main] async fn main() {
/// use cachefence::{CacheFence, Error};
///
/// match CacheFence::in_memory().invalidate("").await {
///     Err(Error::Key(invalid)) => assert_eq!(invalid.to_string(), "the key is empty"),
///     other => panic!("{other:?}"),
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKey {
    template: Option<&'static str>,
    problem: &'static str,
}

impl InvalidKey {
    pub(crate) fn empty(template: Option<&'static str>) -> Self {
        Self { template, problem: "is empty" }
    }

    pub(crate) fn unwritten(template: &'static str) -> Self {
        let problem = "holds a value whose `Display` returned an error, so it might be taken for \
                       another; write its `KeyPart` by its fields, or mend its `Display`";
        Self { template: Some(template), problem }
    }

    pub(crate) fn of_another_cache(template: Option<&'static str>) -> Self {
        Self { template, problem: "is that of another cache's entry; give it to that cache" }
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.template {
            Some(template) => write!(f, "a key of `{template}` {}", self.problem),
            None => write!(f, "the key {}", self.problem),
        }
    }
}

impl StdError for InvalidKey {}

/// An option whose value cannot be used.
///
/// ```
/// use cachefence::{CacheFence, Error};
///
/// match CacheFence::builder().in_memory().beta(-1.0).build_lazy() {
///     Err(Error::Option(invalid)) => assert_eq!(invalid.option(), "beta"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOption {
    option: &'static str,
    problem: Cow<'static, str>,
}

impl InvalidOption {
    /// The `option` of this name has a `problem`, which is the predicate of a sentence about it.
    pub(crate) fn new(option: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { option, problem: problem.into() }
    }

    pub(crate) fn missing(option: &'static str) -> Self {
        Self::new(option, "is not set, and it has no default")
    }

    /// The option's name, as the builder and the attribute call it.
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.option, self.problem)
    }
}

impl StdError for InvalidOption {}

/// A store that did not do what it was asked.
///
/// # Examples
///
/// A store of your own says what happened and what to do, and whether the connection was lost:
///
/// ```
/// use cachefence::store::StoreError;
/// use std::io;
///
/// fn failed(error: io::Error) -> StoreError {
///     let message = "the file cache cannot be read; look at its volume";
///     match error.kind() {
///         io::ErrorKind::ConnectionReset => StoreError::lost(message).with_source(error),
///         _ => StoreError::new(message).with_source(error),
///     }
/// }
/// # assert!(failed(io::Error::other("full")).to_string().contains("its volume"));
/// ```
#[derive(Debug, Clone)]
pub struct StoreError {
    message: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    kind: StoreErrorKind,
    /// Whether the error only follows from a trouble that has been told of, and so is not told again.
    is_told: bool,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreErrorKind {
    /// The store failed.
    Failed,
    /// The operation was lost with its connection, soon enough to be sent once more.
    Lost,
    /// The store was not asked, because it has failed too often.
    Down,
    /// The call had waited for it long enough.
    Slow,
    /// The store was not asked, because it still holds the entry that is to be removed.
    InvalidationPending,
}

impl StoreError {
    /// An error that says what happened and what to do about it. The message is logged, so it must hold neither a
    /// key nor a password; and a message that is the same each time is logged once in a while, not each time.
    pub fn new(message: impl Into<Arc<str>>) -> Self {
        Self { message: message.into(), source: None, kind: StoreErrorKind::Failed, is_told: false }
    }

    /// The error of an operation that was lost with its connection, soon enough to be sent once more: the server
    /// may have closed an idle connection, or be a new one. Nobody knows whether the operation took effect.
    ///
    /// A request for a lease, and a `set`, is then sent once more by the engine, with another token and within the
    /// store's [`call_budget`](crate::store::Traits::call_budget). Where a read or an invalidation is worth a second try, the
    /// store makes it, before it returns this error. Elsewhere the error is like any other.
    pub fn lost(message: impl Into<Arc<str>>) -> Self {
        Self { kind: StoreErrorKind::Lost, ..Self::new(message) }
    }

    /// The same error, of an operation that was lost with its connection.
    #[cfg(feature = "redis")]
    pub(crate) fn into_lost(self) -> Self {
        Self { kind: StoreErrorKind::Lost, ..self }
    }

    /// An error that only follows from one that has been told of.
    pub(crate) fn told(message: impl Into<Arc<str>>) -> Self {
        Self { is_told: true, ..Self::new(message) }
    }

    /// The error of a store that is not asked, because it has failed too often.
    #[cfg(feature = "redis")]
    pub(crate) fn down(message: impl Into<Arc<str>>) -> Self {
        Self { kind: StoreErrorKind::Down, ..Self::told(message) }
    }

    /// The error of a key that is not read, because an invalidation of it is pending.
    pub(crate) fn invalidation_pending() -> Self {
        let message = "an invalidation of the entry has not reached the store yet";
        Self { kind: StoreErrorKind::InvalidationPending, ..Self::told(message) }
    }

    /// The error of an operation on several entries, of which so many `failed`.
    #[cfg(feature = "redis")]
    pub(crate) fn of_entries(self, failed: usize, all: usize) -> Self {
        let Self { message, .. } = &self;
        let message = format!("{failed} of {all} entries may still be there: {message}").into();
        Self { message, ..self }
    }

    /// The error at the end of a process that has so many `pending` invalidations.
    pub(crate) fn of_pending(self, pending: usize) -> Self {
        let Self { message, .. } = &self;
        let message = format!(
            "invalidations that were not sent: {pending}; other processes may serve the old values: {message}"
        );
        Self { message: message.into(), ..self }
    }

    /// The error of a call that has waited for its store long enough.
    pub(crate) fn too_slow() -> Self {
        let message =
            "the store takes longer than a call may wait for all of its operations together";
        Self { kind: StoreErrorKind::Slow, ..Self::new(message) }
    }

    /// Whether the error only follows from a trouble that has been told of.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        self.kind
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
