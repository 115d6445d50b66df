//! What may stand in a key's placeholder, and how it is written without ever colliding.
//!
//! A part is text in which every character outside `[A-Za-z0-9_.@-]` is percent-escaped, byte by
//! byte in UTF-8. Four characters that text never holds unescaped carry structure: `~` is `None`,
//! and `(`, `,` and `)` make lists, each element followed by a comma. So `None`, `""`, `[]` and
//! `[""]` stay distinct (`~`, nothing, `()` and `(,)`), and every rendering can be read back.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Display, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::rc::Rc;
use std::sync::Arc;

/// A value that may fill a placeholder of a key template.
///
/// Implemented for integers, `bool`, `char`, strings, IP addresses, references and smart pointers
/// to those, `Option`, tuples, slices, arrays, `Vec`, `VecDeque`, `BTreeSet` and `BTreeMap`. Not
/// for floats, whose equality is not that of their digits, nor for hash sets and maps, whose order
/// changes from run to run.
///
/// # Contract
///
/// Two values that are not equal must write different parts. Deriving the part from all that
/// `Eq` compares is enough.
///
/// # Examples
///
/// ```
/// use cachefence::{KeyPart, PartWriter};
///
/// struct UserId(u64);
///
/// impl KeyPart for UserId {
///     fn write_part(&self, part: &mut PartWriter<'_>) {
///         self.0.write_part(part);
///     }
/// }
///
/// // Or by its `Display` output, which must then tell all values apart:
/// # #[derive(Debug)] struct Slug(String);
/// # impl std::fmt::Display for Slug {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
/// # }
/// impl KeyPart for Slug {
///     fn write_part(&self, part: &mut PartWriter<'_>) {
///         part.display(self);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a cache key",
    label = "this placeholder is a `{Self}`, which does not implement `cachefence::KeyPart`",
    note = "interpolate a field or a method's result, as in `<arg.id>` or `<arg.to_string()>`, or implement `KeyPart` for it"
)]
pub trait KeyPart {
    /// Writes the value into `part`.
    fn write_part(&self, part: &mut PartWriter<'_>);
}

/// Where a [`KeyPart`] writes itself. Escapes whatever it is given.
#[derive(Debug)]
pub struct PartWriter<'a> {
    out: &'a mut String,
}

impl<'a> PartWriter<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Self { out }
    }

    /// Writes text. Several calls in a row write one text: `("a")("b")` equals `("ab")`, so values
    /// of more than one field should go through a tuple's [`KeyPart`] instead.
    pub fn text(&mut self, text: &str) {
        escape_into(text, self.out);
    }

    /// Writes what `value` displays.
    pub fn display(&mut self, value: &(impl Display + ?Sized)) {
        struct Escaping<'w>(&'w mut String);
        impl fmt::Write for Escaping<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                escape_into(text, self.0);
                Ok(())
            }
        }
        // An error here is one that the value's own `Display` returned: what it had written stays.
        let _ = write!(Escaping(self.out), "{value}");
    }

    fn none(&mut self) {
        self.out.push('~');
    }

    /// `Some(x)` is written as `x`, and `Some(None)` as `~~`: one more `~` for each level, so that
    /// nested options stay apart.
    fn some(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        write(self);
        if self.out[start..].starts_with('~') {
            self.out.insert(start, '~');
        }
    }

    fn list(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push('(');
        write(self);
        self.out.push(')');
    }

    fn element(&mut self, element: &(impl KeyPart + ?Sized)) {
        element.write_part(self);
        self.out.push(',');
    }
}

/// Appends `text`, every byte outside `[A-Za-z0-9_.@-]` as `%XX`.
pub(super) fn escape_into(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'@' | b'-' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

macro_rules! by_display {
    ($($ty:ty),* $(,)?) => {$(
        impl KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.display(self);
            }
        }
    )*};
}

by_display!(
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    NonZeroI8,
    NonZeroI16,
    NonZeroI32,
    NonZeroI64,
    NonZeroI128,
    NonZeroIsize,
    NonZeroU8,
    NonZeroU16,
    NonZeroU32,
    NonZeroU64,
    NonZeroU128,
    NonZeroUsize,
    IpAddr,
    Ipv4Addr,
    Ipv6Addr,
);

impl KeyPart for str {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self);
    }
}

impl KeyPart for String {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self);
    }
}

macro_rules! by_target {
    ($($ty:ty),* $(,)?) => {$(
        impl<T: KeyPart + ?Sized> KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                (**self).write_part(part);
            }
        }
    )*};
}

by_target!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        (**self).write_part(part);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        match self {
            None => part.none(),
            Some(value) => part.some(|part| value.write_part(part)),
        }
    }
}

macro_rules! by_elements {
    ($($ty:ty),* $(,)?) => {$(
        impl<T: KeyPart> KeyPart for $ty {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.list(|part| self.iter().for_each(|element| part.element(element)));
            }
        }
    )*};
}

by_elements!([T], Vec<T>, VecDeque<T>, BTreeSet<T>);

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        self.as_slice().write_part(part);
    }
}

impl<K: KeyPart, V: KeyPart> KeyPart for BTreeMap<K, V> {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.list(|part| self.iter().for_each(|pair| part.element(&pair)));
    }
}

macro_rules! by_fields {
    ($(($($field:ident $index:tt),*)),* $(,)?) => {$(
        impl<$($field: KeyPart),*> KeyPart for ($($field,)*) {
            fn write_part(&self, part: &mut PartWriter<'_>) {
                part.list(|_part| { $(_part.element(&self.$index);)* });
            }
        }
    )*};
}

by_fields!(
    (),
    (A 0),
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn render(value: &(impl KeyPart + ?Sized)) -> String {
        let mut out = String::new();
        value.write_part(&mut PartWriter::new(&mut out));
        out
    }

    #[test]
    fn plain_ids_read_as_they_are() {
        assert_eq!(render(&42_u64), "42");
        assert_eq!(render(&-7_i8), "-7");
        assert_eq!(render("ann.lee@example-site_1"), "ann.lee@example-site_1");
        assert_eq!(render(&true), "true");
        assert_eq!(render(&Some(3)), "3");
    }

    #[test]
    fn everything_else_is_escaped() {
        assert_eq!(render("a:b"), "a%3Ab");
        assert_eq!(render("100%"), "100%25");
        assert_eq!(render("{x}"), "%7Bx%7D");
        assert_eq!(render("~(,)"), "%7E%28%2C%29");
        assert_eq!(render("ü"), "%C3%BC");
        assert_eq!(render(&'/'), "%2F");
    }

    #[test]
    fn none_empty_and_lists_stay_distinct() {
        let empty: [&str; 0] = [];
        let texts = [
            render(&None::<&str>),
            render(&Some("")),
            render(&Some(None::<&str>)),
            render(&Some(Some(None::<&str>))),
            render(&Some("~")),
            render(&empty),
            render(&[""]),
            render(&["", ""]),
            render(&["a", "b"]),
            render(&["a,b"]),
            render(&(("a", "b"), "c")),
            render(&("a", ("b", "c"))),
            render(&[None::<&str>]),
            render(&Some(["~"])),
        ];
        for (i, a) in texts.iter().enumerate() {
            for b in &texts[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(render(&[1, 2]), "(1,2,)");
        assert_eq!(render(&()), "()");
    }
}
