//! The types that can stand in a key without further code: those of the standard library whose values
//! have one spelling each, and `Uuid`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{KeyPart, PartWriter};

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

/// In seconds, with all nine decimals or none: `60`, `0.250000000`.
impl KeyPart for Duration {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        match (self.as_secs(), self.subsec_nanos()) {
            (secs, 0) => part.display(&secs),
            (secs, nanos) => part.display(&format_args!("{secs}.{nanos:09}")),
        }
    }
}

/// In the spelling of RFC 9562: hyphenated, lower case.
impl KeyPart for Uuid {
    fn write_part(&self, part: &mut PartWriter<'_>) {
        part.text(self.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
}

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
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11),
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
    fn a_uuid_reads_as_it_is() {
        let uuid = Uuid::from_u128(0x6BA7_B810_9DAD_11D1_80B4_00C0_4FD4_30C8);
        assert_eq!(render(&uuid), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
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
    fn durations_are_seconds() {
        for (duration, text) in [
            (Duration::ZERO, "0"),
            (Duration::from_secs(90), "90"),
            (Duration::from_millis(250), "0.250000000"),
            (Duration::from_nanos(1), "0.000000001"),
            (Duration::MAX, "18446744073709551615.999999999"),
        ] {
            assert_eq!(render(&duration), text);
        }
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
