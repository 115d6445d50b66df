//! Comparing a value with what comes back of it.
//!
//! A type that has `PartialEq` is compared by it. One that has only `Debug` is compared by what that prints, however the
//! elements of its maps and sets are ordered. Of any other type nobody can see whether two values are equal. Which of
//! these a type has is found by the attribute; see `attribute/kind.rs`.

use std::fmt::{self, Debug, Write as _};

use super::field;
use crate::error::BoxError;

/// How two values differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path of the first field that differs; `None` if it cannot be named.
    pub(super) field: Option<String>,
}

/// How two values differ, if they do; or why that cannot be told.
pub(crate) type Comparison = Result<Option<Difference>, BoxError>;

/// A way to compare two values of type `T`.
pub trait CompareValue<T>: 'static {
    /// How `decoded` differs from the `original` that was encoded.
    fn difference(original: &T, decoded: &T) -> Option<Difference>;
}

/// A way to find out whether two values are equal.
pub trait Equality<T>: 'static {
    /// Whether the two are equal; `None` if that cannot be told.
    fn are_equal(original: &T, decoded: &T) -> Option<bool>;
}

/// By `PartialEq`.
#[derive(Debug)]
pub struct ByPartialEq;

impl<T: PartialEq> Equality<T> for ByPartialEq {
    #[allow(clippy::eq_op)] // a value that holds a NaN does not equal itself
    fn are_equal(original: &T, decoded: &T) -> Option<bool> {
        Some(original == decoded || original != original)
    }
}

/// A way to print a value.
pub trait Print<T>: 'static {
    /// The value as it prints itself; `None` if it does not.
    fn printed(value: &T) -> Option<&dyn Debug>;
}

/// By `Debug`.
#[derive(Debug)]
pub struct ByDebug;

impl<T: Debug> Print<T> for ByDebug {
    fn printed(value: &T) -> Option<&dyn Debug> {
        Some(value)
    }
}

/// In no way: the type has no such trait.
#[derive(Debug)]
pub struct Unknown;

impl<T> Equality<T> for Unknown {
    fn are_equal(_: &T, _: &T) -> Option<bool> {
        None
    }
}

impl<T> Print<T> for Unknown {
    fn printed(_: &T) -> Option<&dyn Debug> {
        None
    }
}

impl<T, Q: Equality<T>, P: Print<T>> CompareValue<T> for (Q, P) {
    fn difference(original: &T, decoded: &T) -> Option<Difference> {
        let printed = P::printed(original).zip(P::printed(decoded));
        difference(Q::are_equal(original, decoded), printed)
    }
}

/// The rest of a comparison, which is compiled once for all types.
fn difference(
    equal: Option<bool>,
    printed: Option<(&dyn Debug, &dyn Debug)>,
) -> Option<Difference> {
    let print_alike =
        || printed.is_none_or(|(original, decoded)| Bytes::of(original) == Bytes::of(decoded));
    if equal.unwrap_or_else(print_alike) {
        return None;
    }
    let field = printed.and_then(|(original, decoded)| field::first_different(original, decoded));
    Some(Difference { field })
}

/// How often each byte occurs in what a value prints. That does not depend on the order in which a map or a set is
/// printed, and takes no memory however large the value is.
#[derive(PartialEq, Eq)]
struct Bytes([u64; 256]);

impl Bytes {
    /// `None` if the value cannot be printed.
    fn of(value: &dyn Debug) -> Option<Self> {
        let mut bytes = Self([0; 256]);
        write!(bytes, "{value:?}").ok().map(|()| bytes)
    }
}

impl fmt::Write for Bytes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(count) = self.0.get_mut(usize::from(byte)) {
                *count += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn differ<Q: Equality<T>, P: Print<T>, T>(original: &T, decoded: &T) -> Option<Difference> {
        <(Q, P)>::difference(original, decoded)
    }

    #[allow(clippy::unnecessary_wraps)] // as the above returns
    fn in_field(name: &str) -> Option<Difference> {
        Some(Difference { field: Some(name.to_owned()) })
    }

    const SOMEWHERE: Option<Difference> = Some(Difference { field: None });

    #[derive(Debug, Clone, PartialEq)]
    struct User {
        name: &'static str,
        hash: Option<u8>,
    }

    const ANN: User = User { name: "ann", hash: Some(1) };
    const WITHOUT: User = User { name: "ann", hash: None };

    #[test]
    fn a_field_that_differs_is_named() {
        assert_eq!(differ::<ByPartialEq, ByDebug, _>(&ANN, &WITHOUT), in_field("hash"));
        assert_eq!(differ::<Unknown, ByDebug, _>(&ANN, &WITHOUT), in_field("hash"));
        assert_eq!(differ::<ByPartialEq, Unknown, _>(&ANN, &WITHOUT), SOMEWHERE);
        assert_eq!(differ::<ByPartialEq, ByDebug, _>(&ANN, &ANN), None);
        assert_eq!(differ::<Unknown, ByDebug, _>(&ANN, &ANN), None);
    }

    #[test]
    fn nobody_sees_what_neither_is_compared_nor_printed() {
        assert_eq!(differ::<Unknown, Unknown, _>(&ANN, &WITHOUT), None);
    }

    #[test]
    fn equality_decides_where_there_is_one() {
        #[derive(Debug)]
        struct ById(u8, #[allow(dead_code)] &'static str);
        impl PartialEq for ById {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }
        assert_eq!(differ::<ByPartialEq, ByDebug, _>(&ById(1, "a"), &ById(1, "b")), None);
    }

    #[test]
    fn a_nan_differs_from_nothing() {
        let nan = vec![1.0, f64::NAN];
        assert_eq!(differ::<ByPartialEq, ByDebug, _>(&nan, &nan.clone()), None);
        assert_eq!(differ::<Unknown, ByDebug, _>(&nan, &nan.clone()), None);
    }

    #[test]
    fn the_order_of_a_set_does_not_matter() {
        let set = || (0..100).map(|number| number.to_string()).collect::<HashSet<_>>();
        assert_eq!(differ::<Unknown, ByDebug, _>(&set(), &set()), None);
        assert!(format!("{:?}", set()) != format!("{:?}", set()), "two sets have two orders");
    }
}
