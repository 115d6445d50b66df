//! Finds the values that JSON writes as `null` and that cannot be decoded as they were.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{
    self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Why a value cannot be decoded from JSON as it was.
#[derive(Debug)]
pub(super) struct Lost(Cow<'static, str>);

const FLOAT: Lost = Lost(Cow::Borrowed("JSON has neither NaN nor infinities; use another codec"));

const SOME: Lost = Lost(Cow::Borrowed(
    "JSON has one null, so a `Some` that holds one, such as `Some(None)`, would come back as `None`; use \
     another codec",
));

impl Lost {
    /// The reason, if it is one of this module and not an error of the value's own.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.0 {
            Cow::Borrowed(reason) => Some(reason),
            Cow::Owned(_) => None,
        }
    }
}

impl Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

impl ser::Error for Lost {
    fn custom<T: Display>(message: T) -> Self {
        Self(Cow::Owned(message.to_string()))
    }
}

/// Walks through a value without writing anything, and says whether the value is a null. A null that stands by itself
/// is decoded as it was, as `None` or `()`; a null inside a `Some` is not.
pub(super) struct Walk;

/// Walks through the elements or fields of a value.
pub(super) struct Each;

macro_rules! not_null {
    ($($method:ident($($ty:ty),*);)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<bool, Lost> {
            Ok(false)
        }
    )*};
}

macro_rules! holds_others {
    ($($method:ident($($ty:ty),*) -> $each:ident;)*) => {$(
        type $each = Each;

        fn $method(self, $(_: $ty),*) -> Result<Each, Lost> {
            Ok(Each)
        }
    )*};
}

impl Serializer for Walk {
    type Ok = bool;
    type Error = Lost;

    not_null! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    holds_others! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_f32(self, value: f32) -> Result<bool, Lost> {
        if value.is_finite() { Ok(false) } else { Err(FLOAT) }
    }

    fn serialize_f64(self, value: f64) -> Result<bool, Lost> {
        if value.is_finite() { Ok(false) } else { Err(FLOAT) }
    }

    fn serialize_none(self) -> Result<bool, Lost> {
        Ok(true)
    }

    fn serialize_unit(self) -> Result<bool, Lost> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, Lost> {
        Ok(true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Lost> {
        if value.serialize(self)? { Err(SOME) } else { Ok(false) }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<bool, Lost> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<bool, Lost> {
        value.serialize(self).map(|_| false)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<bool, Lost> {
        Ok(false)
    }
}

macro_rules! each {
    ($($collection:ident, $method:ident($($name:ty)?);)*) => {$(
        impl $collection for Each {
            type Ok = bool;
            type Error = Lost;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Lost> {
                value.serialize(Walk).map(drop)
            }

            fn end(self) -> Result<bool, Lost> {
                Ok(false)
            }
        }
    )*};
}

each! {
    SerializeSeq, serialize_element();
    SerializeTuple, serialize_element();
    SerializeTupleStruct, serialize_field();
    SerializeTupleVariant, serialize_field();
    SerializeStruct, serialize_field(&'static str);
    SerializeStructVariant, serialize_field(&'static str);
}

impl SerializeMap for Each {
    type Ok = bool;
    type Error = Lost;

    // No key of a map is a null, because JSON's keys are strings.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Lost> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lost> {
        value.serialize(Walk).map(drop)
    }

    fn end(self) -> Result<bool, Lost> {
        Ok(false)
    }
}
