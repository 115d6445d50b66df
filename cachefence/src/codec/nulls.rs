//! Finds the values that a format writes as its null and that cannot be decoded as they were.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::lost::Lost;

const JSON_FLOAT: Lost =
    Lost::because("JSON has neither NaN nor infinities; use another codec, such as `MessagePack`");

const JSON_SOME: Lost = Lost::because(
    "JSON has one null, so a `Some` that holds one, such as `Some(None)`, would come back as `None`; use \
     an enum of your own in place of the inner `Option`",
);

const MESSAGE_PACK_SOME: Lost = Lost::because(
    "MessagePack has one nil, so a `Some` that holds one, such as `Some(None)`, would come back as `None`; use \
     an enum of your own in place of the inner `Option`",
);

/// Walks through a value without writing anything, and says whether the value is a null of this format. A null that
/// stands by itself is decoded as it was, as `None` or `()`; a null inside a `Some` is not.
#[derive(Clone, Copy)]
pub(super) enum Walk {
    /// Has no NaN and no infinities, writes a unit struct as null, and has text for keys.
    Json,
    /// Has every float, writes a unit struct as an empty array, and has keys of any type.
    #[cfg_attr(not(feature = "messagepack"), allow(dead_code))]
    MessagePack,
}

impl Walk {
    fn float(self, is_finite: bool) -> Result<bool, Lost> {
        if is_finite || matches!(self, Self::MessagePack) { Ok(false) } else { Err(JSON_FLOAT) }
    }
}

/// Walks through the elements or fields of a value.
pub(super) struct Each(Walk);

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
            Ok(Each(self))
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
        self.float(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<bool, Lost> {
        self.float(value.is_finite())
    }

    fn serialize_none(self) -> Result<bool, Lost> {
        Ok(true)
    }

    fn serialize_unit(self) -> Result<bool, Lost> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, Lost> {
        Ok(matches!(self, Self::Json))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, Lost> {
        match self {
            _ if !value.serialize(self)? => Ok(false),
            Self::Json => Err(JSON_SOME),
            Self::MessagePack => Err(MESSAGE_PACK_SOME),
        }
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
                value.serialize(self.0).map(drop)
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

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Lost> {
        match self.0 {
            // JSON's keys are text, so none of them is a null.
            Walk::Json => Ok(()),
            Walk::MessagePack => key.serialize(self.0).map(drop),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lost> {
        value.serialize(self.0).map(drop)
    }

    fn end(self) -> Result<bool, Lost> {
        Ok(false)
    }
}
