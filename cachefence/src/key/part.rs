//! What may stand in a key's placeholder, and how it is written without ever colliding.
//!
//! A part is text in which every character outside `[A-Za-z0-9_.@-]` is percent-escaped, byte by
//! byte in UTF-8. Four characters that text never holds unescaped carry structure: `~` is `None`,
//! and `(`, `,` and `)` make lists, each element followed by a comma. So `None`, `""`, `[]` and
//! `[""]` stay distinct (`~`, nothing, `()` and `(,)`), and every rendering can be read back. Text that
//! a list follows at once is a variant of an enum with its fields: `Owner(7,)`.
//!
//! No part holds a `~` before a letter or a digit. So what begins a version (`~v2`) or the hash of a type
//! (`~0123456789abcdef`) at the end of a key is no part of an argument.

use std::fmt::{self, Display, Write as _};

use super::escape::escape_into;

/// A value that may fill a placeholder of a key template.
///
/// # Types that have it
///
/// | type | in the key |
/// |---|---|
/// | integers, `NonZero` ones too, `bool`, `char` | `42`, `-7`, `true` |
/// | `str`, `String` | the text, in which all characters but letters, digits and `_.@-` are percent-escaped |
/// | IP addresses, `uuid::Uuid` | their text |
/// | `Duration` | in seconds, with nine decimals or none: `60`, `0.250000000` |
/// | `SystemTime` | in seconds since the Unix epoch, as a `Duration`; negative before it |
/// | references, `Box`, `Rc`, `Arc`, `Cow` | what they hold |
/// | `Option` | `~`, or what it holds |
/// | slices, arrays, `Vec`, `VecDeque`, `BTreeSet` | `(1,2,)` |
/// | tuples of up to twelve | `(1,2,)` |
/// | `BTreeMap` | its pairs: `((1,2,),)` |
///
/// With the feature `chrono`, and with the feature `time`, the types of the crate of that name:
///
/// | type | in the key |
/// |---|---|
/// | `DateTime` of any time zone; `OffsetDateTime`, `UtcDateTime` | in seconds since the Unix epoch, as `SystemTime`: equal moments with other offsets are one key |
/// | `NaiveDate`; `Date` | `2024-02-29` |
/// | `NaiveTime`; `Time` | `12%3A30%3A00`, which is `12:30:00` escaped; with nine decimals or none |
/// | `NaiveDateTime`; `PrimitiveDateTime` | `2024-02-29T12%3A30%3A00` |
/// | `TimeDelta`; `Duration` | in seconds: `-90`, `0.250000000` |
/// | `Weekday`, `Month` | `Mon` by `chrono`, `Monday` by `time`; `January` |
///
/// # A type of your own
///
/// Derive it. The type is then written by its fields, and an enum by the names of its variants as well;
/// [the derive macro](derive@crate::KeyPart) says how.
///
/// ```
/// use cachefence::KeyPart;
///
/// #[derive(KeyPart)]
/// struct UserId(u64); // as in `42`
///
/// #[derive(KeyPart)]
/// struct Page {
///     query: String,
///     number: u32,
/// } // as in `(red%20shoes,2,)`
///
/// #[derive(KeyPart)]
/// enum Scope {
///     All,           // `All`
///     Owner(UserId), // as in `Owner(42,)`
/// }
/// ```
///
/// By hand, write the type by what its equality compares: one value by that value, several by a tuple of
/// them, which keeps them apart.
///
/// ```
/// use cachefence::{KeyPart, PartWriter};
///
/// struct Email {
///     address: String, // compared without regard to case
/// }
///
/// impl KeyPart for Email {
///     fn write_part(&self, part: &mut PartWriter<'_>) {
///         self.address.to_lowercase().write_part(part);
///     }
/// }
/// ```
///
/// Or write it by its `Display`, if that tells all values apart. The text is escaped.
///
/// ```
/// use cachefence::{KeyPart, PartWriter};
/// use std::fmt;
///
/// struct Version {
///     major: u32,
///     minor: u32,
/// }
///
/// impl fmt::Display for Version {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "{}.{}", self.major, self.minor)
///     }
/// }
///
/// impl KeyPart for Version {
///     fn write_part(&self, part: &mut PartWriter<'_>) {
///         part.display(self);
///     }
/// }
/// ```
///
/// A type of another crate needs no wrapper: `<arg.to_string()>` and `<arg.id()>` stand in a template
/// as well.
///
/// # Contract
///
/// - Two values that are not equal write different parts; otherwise one is served the other's data.
/// - Two values that are equal write the same part; otherwise one's invalidation misses the other.
///
/// Values of different types may be written alike, as `1`, `"1"` and `Some(1)` are. A generic function that is
/// called with several types needs `<T::NAME>` in its key, too; so does one whose argument is an `Id<T>` that tells
/// its types apart by a `PhantomData` only.
///
/// # What has no `KeyPart`
///
/// - Floats. `0.0` equals `-0.0` and is spelled otherwise, NaN equals nothing, and a result that is off
///   in the last bit would miss. Round to an integer, or take `<arg.to_bits()>`, which is exact.
/// - Hash sets and maps: their order changes from run to run. Collect them into a `BTreeSet` or a
///   `BTreeMap`.
/// - `Path` and `OsStr`: equal paths have many spellings (`a//b`, `a/./b`), and not all are text.
/// - `SocketAddr`: the spelling of an IPv6 one leaves out the flow label, which its equality does not.
///   Take `<addr.ip()>:<addr.port()>`.
/// - `Instant`: it means nothing outside of its process, and differs in every call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a cache key",
    label = "a `{Self}` is part of the key here, and it does not implement `cachefence::KeyPart`",
    note = "on a type of your own, put `#[derive(cachefence::KeyPart)]`; for the types of `chrono` and `time`, cachefence has features of these names",
    note = "or name a part in the template that can: `<arg.id>`, `<arg.name()>`, `<arg.to_string()>`; of a float, `<arg.to_bits()>`",
    note = "or write it by its `Display`, if that tells all values apart: `impl cachefence::KeyPart for {Self} {{ fn write_part(&self, part: &mut cachefence::PartWriter<'_>) {{ part.display(self) }} }}`"
)]
pub trait KeyPart {
    /// Writes the value into `part`.
    fn write_part(&self, part: &mut PartWriter<'_>);
}

/// Where a [`KeyPart`] writes itself, as the examples there show. Escapes whatever it is given.
#[derive(Debug)]
pub struct PartWriter<'a> {
    out: &'a mut String,
    failed: bool,
}

impl<'a> PartWriter<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Self { out, failed: false }
    }

    /// Whether a value could not be written.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Writes text. Several calls in a row write one text: `("a")("b")` equals `("ab")`, so values
    /// of more than one field should go through a tuple's [`KeyPart`] instead.
    pub fn text(&mut self, text: &str) {
        escape_into(text, self.out);
    }

    /// Writes what `value` displays.
    ///
    /// If its `Display` returns an error, the key cannot be used, since other values may fail at the
    /// same place: an annotated function runs its body, without the cache.
    pub fn display(&mut self, value: &(impl Display + ?Sized)) {
        self.failed |= write!(Escaping(self.out), "{value}").is_err();
    }

    /// Writes the absence of a value, as nothing else is written.
    pub(super) fn none(&mut self) {
        self.out.push('~');
    }

    /// `Some(x)` is written as `x`, and `Some(None)` as `~~`: one more `~` for each level, so that
    /// nested options stay apart.
    pub(super) fn some(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        write(self);
        if self.out[start..].starts_with('~') {
            self.out.insert(start, '~');
        }
    }

    /// Writes the elements of a list, or the fields of a tuple.
    pub(super) fn list(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push('(');
        write(self);
        self.out.push(')');
    }

    /// Writes one element of a list, or one field of a tuple.
    pub(super) fn element(&mut self, element: &(impl KeyPart + ?Sized)) {
        element.write_part(self);
        self.out.push(',');
    }
}

/// Writes `fields` as a tuple, the name of their variant before it: what `#[derive(KeyPart)]` expands to.
pub fn write_fields(part: &mut PartWriter<'_>, variant: &str, fields: &[&dyn KeyPart]) {
    part.text(variant);
    part.list(|part| fields.iter().for_each(|field| part.element(*field)));
}

/// Escapes displayed text piece by piece.
struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape_into(text, self.0);
        Ok(())
    }
}
