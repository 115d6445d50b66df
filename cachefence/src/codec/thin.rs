//! Decoding between a codec and a type that do not know each other.
//!
//! A serde format hands what it reads to a visitor of the value's type. Here the format sees a [`Pass`], whatever
//! the type is, and the type sees a [`Thin`], whatever the format is. `Pass` hands on to `Thin`'s visitor, as a
//! [`Given`].
//!
//! `erased_serde` does this for encoding, and could for decoding. But it compiles all 26 methods of each visitor,
//! because any of them might be called: 27.4 KiB and 372 functions of a debug build for each cached function of
//! `benches/build-cost`, instead of 19.5 KiB and 229 functions. Here each visitor is compiled into one function.
//!
//! The function is the smaller for what is left out of it. A type that asks for a struct, a sequence or the like is
//! given no number or text, and one that asks for the name of a field is given nothing that has parts, though its
//! visitor might take it. `serde_json` too answers only with what it is asked for, so no type that can be cached as
//! JSON misses it.

use std::{fmt, mem};

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde_json::Error;

/// The error is `serde_json`'s, which visitors are compiled with already, since JSON is decoded directly.
type Result<T, E = Error> = std::result::Result<T, E>;

type Names = &'static [&'static str];

#[cold]
pub(super) fn unused() -> Error {
    Error::custom("the codec did not use the seed that it was given")
}

/// A value as a format gives it to a visitor. A number of fewer than 64 bits is widened, and owned text becomes
/// borrowed text: serde itself does so for a visitor that has no method for them.
pub(crate) enum Given<'a> {
    Scalar(Unexpected<'a>),
    I128(i128),
    U128(u128),
    None,
    Some(&'a mut dyn Source),
    Newtype(&'a mut dyn Source),
    Seq(&'a mut dyn Parts),
    Map(&'a mut dyn Parts),
    Enum(&'a mut dyn Parts),
}

/// A visitor of any type.
pub(crate) trait Take {
    fn take(&mut self, given: Given<'_>) -> Result<()>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A seed of any type. It is no closure, since one is compiled twice for `dyn FnMut`.
pub(crate) trait Fill {
    fn fill(&mut self, from: &mut dyn Source) -> Result<()>;
}

/// A deserializer of any format.
pub(crate) trait Source {
    fn give(&mut self, hint: Hint, to: &mut dyn Take) -> Result<()>;
    fn is_human_readable(&self) -> bool;
}

/// The elements of a sequence, the keys and values of a map, or the name and body of a variant.
pub(crate) trait Parts {
    fn give(&mut self, part: Part<'_>) -> Result<()>;

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// A part of a value that is asked for.
pub(crate) enum Part<'a> {
    /// The next element or key, or the name of the variant. A seed is not filled in at the end.
    Next(&'a mut dyn Fill),
    /// The value that belongs to the key, or the one in the variant's body.
    Value(&'a mut dyn Fill),
    Unit,
    Tuple(usize, &'a mut dyn Take),
    Struct(Names, &'a mut dyn Take),
}

/// A part of a format's deserializer. It keeps the error of the format, which otherwise would be made into text
/// and back at each level of the value, and would lose what kind of error it is.
struct Lent<P, E> {
    part: P,
    error: Option<E>,
}

impl<P, E: de::Error> Lent<P, E> {
    fn lend(part: P, to: impl FnOnce(&mut Self) -> Result<()>) -> Result<(), E> {
        let mut lent = Self { part, error: None };
        to(&mut lent).map_err(|error| lent.error.unwrap_or_else(|| E::custom(error)))
    }

    fn keep<T>(&mut self, result: Result<T, E>) -> Result<T> {
        result.map_err(|error| {
            let text = Error::custom(&error);
            self.error = Some(error);
            text
        })
    }
}

/// The hints by which a type asks a format for a value, each under the function that visits the answer.
macro_rules! hints {
    ($($visit:ident { $($hint:ident$(($($name:ident: $ty:ty),*))? $method:ident,)* })*) => {
        #[derive(Clone, Copy)]
        pub(crate) enum Hint {
            $($($hint $(($($ty),*))?,)*)*
        }

        impl<'de, D: Deserializer<'de, Error = E>, E: de::Error> Source for Lent<Option<D>, E> {
            fn give(&mut self, hint: Hint, to: &mut dyn Take) -> Result<()> {
                let part = self.part.take().ok_or_else(unused)?;
                let given = match hint {
                    $($(Hint::$hint $(($($name),*))? => part.$method($($($name,)*)? Pass(to)),)*)*
                };
                self.keep(given)
            }

            fn is_human_readable(&self) -> bool {
                self.part.as_ref().is_none_or(D::is_human_readable)
            }
        }

        impl<'de> Deserializer<'de> for Thin<'_> {
            type Error = Error;

            $($(fn $method<V: Visitor<'de>>(self, $($($name: $ty,)*)? to: V) -> Result<V::Value> {
                hand(to, $visit, |to| self.0.give(Hint::$hint $(($($name),*))?, to))
            })*)*

            fn is_human_readable(&self) -> bool {
                self.0.is_human_readable()
            }
        }
    };
}

hints! {
    scalar { Identifier deserialize_identifier, }
    parts {
        Option deserialize_option, UnitStruct(name: &'static str) deserialize_unit_struct,
        Seq deserialize_seq, Tuple(len: usize) deserialize_tuple,
        TupleStruct(name: &'static str, len: usize) deserialize_tuple_struct,
        Map deserialize_map, Struct(name: &'static str, fields: Names) deserialize_struct,
        Enum(name: &'static str, variants: Names) deserialize_enum,
    }
    any {
        I8 deserialize_i8, I16 deserialize_i16, I32 deserialize_i32, I64 deserialize_i64, I128 deserialize_i128,
        U8 deserialize_u8, U16 deserialize_u16, U32 deserialize_u32, U64 deserialize_u64, U128 deserialize_u128,
        F32 deserialize_f32, F64 deserialize_f64, Bool deserialize_bool, Char deserialize_char,
        Str deserialize_str, String deserialize_string, Bytes deserialize_bytes, ByteBuf deserialize_byte_buf,
        Unit deserialize_unit, NewtypeStruct(name: &'static str) deserialize_newtype_struct,
        Any deserialize_any, IgnoredAny deserialize_ignored_any,
    }
}

/// The visitor that a format is handed for a value of any type.
struct Pass<'a>(&'a mut dyn Take);

macro_rules! pass {
    ($($method:ident($($value:ident: $ty:ty)?) $given:expr;)*) => {
        $(fn $method<E: de::Error>(self $(, $value: $ty)?) -> Result<(), E> {
            self.0.take($given).map_err(E::custom)
        })*
    };
}

impl<'de> Visitor<'de> for Pass<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    pass! {
        visit_bool(value: bool) Given::Scalar(Unexpected::Bool(value));
        visit_i64(value: i64) Given::Scalar(Unexpected::Signed(value));
        visit_i128(value: i128) Given::I128(value);
        visit_u64(value: u64) Given::Scalar(Unexpected::Unsigned(value));
        visit_u128(value: u128) Given::U128(value);
        visit_f64(value: f64) Given::Scalar(Unexpected::Float(value));
        visit_char(value: char) Given::Scalar(Unexpected::Char(value));
        visit_str(value: &str) Given::Scalar(Unexpected::Str(value));
        visit_bytes(value: &[u8]) Given::Scalar(Unexpected::Bytes(value));
        visit_unit() Given::Scalar(Unexpected::Unit);
        visit_none() Given::None;
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        Lent::lend(Some(inner), |inner| self.0.take(Given::Some(inner)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<(), D::Error> {
        Lent::lend(Some(inner), |inner| self.0.take(Given::Newtype(inner)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        Lent::lend(elements, |elements| self.0.take(Given::Seq(elements)))
    }

    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<(), A::Error> {
        Lent::lend(Pairs(pairs), |pairs| self.0.take(Given::Map(pairs)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, name: A) -> Result<(), A::Error> {
        Lent::lend(Case::Name(name), |case| self.0.take(Given::Enum(case)))
    }
}

/// The seed that a format is handed for a value of any type.
pub(super) struct Seed<'a>(pub(super) &'a mut dyn Fill);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        Lent::lend(Some(from), |from| self.0.fill(from))
    }
}

impl<'de, A: SeqAccess<'de, Error = E>, E: de::Error> Parts for Lent<A, E> {
    fn give(&mut self, part: Part<'_>) -> Result<()> {
        let Part::Next(fill) = part else { return Err(unused()) };
        let given = self.part.next_element_seed(Seed(fill));
        self.keep(given).map(drop)
    }

    fn size_hint(&self) -> Option<usize> {
        self.part.size_hint()
    }
}

struct Pairs<A>(A);

impl<'de, A: MapAccess<'de, Error = E>, E: de::Error> Parts for Lent<Pairs<A>, E> {
    fn give(&mut self, part: Part<'_>) -> Result<()> {
        let given = match part {
            Part::Next(fill) => self.part.0.next_key_seed(Seed(fill)).map(drop),
            Part::Value(fill) => self.part.0.next_value_seed(Seed(fill)),
            _ => return Err(unused()),
        };
        self.keep(given)
    }
}

enum Case<N, B> {
    Name(N),
    Body(B),
    Gone,
}

impl<'de, A: EnumAccess<'de, Error = E>, E: de::Error> Parts for Lent<Case<A, A::Variant>, E> {
    fn give(&mut self, part: Part<'_>) -> Result<()> {
        let given = match (mem::replace(&mut self.part, Case::Gone), part) {
            (Case::Name(name), Part::Next(fill)) => {
                name.variant_seed(Seed(fill)).map(|((), body)| self.part = Case::Body(body))
            }
            (Case::Body(body), Part::Unit) => body.unit_variant(),
            (Case::Body(body), Part::Value(fill)) => body.newtype_variant_seed(Seed(fill)),
            (Case::Body(body), Part::Tuple(len, to)) => body.tuple_variant(len, Pass(to)),
            (Case::Body(body), Part::Struct(fields, to)) => body.struct_variant(fields, Pass(to)),
            _ => return Err(unused()),
        };
        self.keep(given)
    }
}

/// The deserializer that a type is handed for any format.
struct Thin<'a>(&'a mut dyn Source);

/// A visitor, until it is handed something, and then its value.
struct Slot<V, T> {
    visitor: Option<V>,
    visit: fn(V, Given<'_>) -> Result<T>,
    value: Option<T>,
}

impl<'de, V: Visitor<'de>> Take for Slot<V, V::Value> {
    fn take(&mut self, given: Given<'_>) -> Result<()> {
        let visitor = self.visitor.take().ok_or_else(unused)?;
        self.value = Some((self.visit)(visitor, given)?);
        Ok(())
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.as_ref().map_or(Ok(()), |visitor| visitor.expecting(f))
    }
}

/// The value that `visitor` makes of what `from` takes to it.
fn hand<'de, V: Visitor<'de>>(
    visitor: V,
    visit: fn(V, Given<'_>) -> Result<V::Value>,
    from: impl FnOnce(&mut dyn Take) -> Result<()>,
) -> Result<V::Value> {
    let mut slot = Slot { visitor: Some(visitor), visit, value: None };
    from(&mut slot)?;
    slot.value.ok_or_else(unused)
}

impl<'de, T: DeserializeSeed<'de, Value = V>, V> Fill for (Option<T>, Option<V>) {
    fn fill(&mut self, from: &mut dyn Source) -> Result<()> {
        self.1 = Some(self.0.take().ok_or_else(unused)?.deserialize(Thin(from))?);
        Ok(())
    }
}

/// The value that `seed` makes of the deserializer that `from` takes to it; `None` if it takes none to it.
#[inline(never)] // one for each type of field, not one for each field
pub(super) fn fill<'de, T: DeserializeSeed<'de>, E>(
    seed: T,
    from: impl FnOnce(&mut dyn Fill) -> Result<(), E>,
) -> Result<Option<T::Value>, E> {
    let mut filled = (Some(seed), None);
    from(&mut filled)?;
    Ok(filled.1)
}

/// Visits the name of a field or variant, and all else that has no parts.
#[allow(clippy::needless_pass_by_value)] // `parts` and `any` take what they are given by value
fn scalar<'de, V: Visitor<'de>>(visitor: V, given: Given<'_>) -> Result<V::Value> {
    match given {
        Given::Scalar(Unexpected::Bool(value)) => visitor.visit_bool(value),
        Given::Scalar(Unexpected::Signed(value)) => visitor.visit_i64(value),
        Given::Scalar(Unexpected::Unsigned(value)) => visitor.visit_u64(value),
        Given::Scalar(Unexpected::Float(value)) => visitor.visit_f64(value),
        Given::Scalar(Unexpected::Char(value)) => visitor.visit_char(value),
        Given::Scalar(Unexpected::Str(value)) => visitor.visit_str(value),
        Given::Scalar(Unexpected::Bytes(value)) => visitor.visit_bytes(value),
        Given::Scalar(Unexpected::Unit) => visitor.visit_unit(),
        _ => Err(Error::invalid_type(Unexpected::Other("value with parts"), &visitor)),
    }
}

/// Visits a value that has parts, or would have, were it not `None` or a unit.
fn parts<'de, V: Visitor<'de>>(visitor: V, given: Given<'_>) -> Result<V::Value> {
    match given {
        Given::Scalar(Unexpected::Unit) => visitor.visit_unit(),
        Given::None => visitor.visit_none(),
        Given::Some(inner) => visitor.visit_some(Thin(inner)),
        Given::Newtype(inner) => visitor.visit_newtype_struct(Thin(inner)),
        Given::Seq(elements) => visitor.visit_seq(Each(elements)),
        Given::Map(pairs) => visitor.visit_map(Each(pairs)),
        Given::Enum(case) => visitor.visit_enum(Each(case)),
        Given::Scalar(scalar) => Err(Error::invalid_type(scalar, &visitor)),
        _ => Err(Error::invalid_type(Unexpected::Other("integer of 128 bits"), &visitor)),
    }
}

/// Visits whatever comes. Most visitors of this kind belong to `std`'s types, and are compiled once for all values.
fn any<'de, V: Visitor<'de>>(visitor: V, given: Given<'_>) -> Result<V::Value> {
    match given {
        Given::I128(value) => visitor.visit_i128(value),
        Given::U128(value) => visitor.visit_u128(value),
        Given::Scalar(_) => scalar(visitor, given),
        _ => parts(visitor, given),
    }
}

/// The parts of a value, whatever its format is.
struct Each<'a>(&'a mut dyn Parts);

impl<'de> SeqAccess<'de> for Each<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        fill(seed, |fill| self.0.give(Part::Next(fill)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de> MapAccess<'de> for Each<'_> {
    type Error = Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        fill(seed, |fill| self.0.give(Part::Next(fill)))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        fill(seed, |fill| self.0.give(Part::Value(fill)))?.ok_or_else(unused)
    }
}

impl<'de> EnumAccess<'de> for Each<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        Ok((fill(seed, |fill| self.0.give(Part::Next(fill)))?.ok_or_else(unused)?, self))
    }
}

impl<'de> VariantAccess<'de> for Each<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        self.0.give(Part::Unit)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        fill(seed, |fill| self.0.give(Part::Value(fill)))?.ok_or_else(unused)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        hand(visitor, parts, |slot| self.0.give(Part::Tuple(len, slot)))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value> {
        hand(visitor, parts, |slot| self.0.give(Part::Struct(fields, slot)))
    }
}
