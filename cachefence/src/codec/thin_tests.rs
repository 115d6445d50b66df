//! Values that come back through [`thin`](super::thin), by formats that are made in different ways.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::de::{DeserializeOwned, DeserializeSeed, IntoDeserializer};
use serde::{Deserialize, Serialize};

use super::{AnyCodec, Codec, Json};
use crate::error::BoxError;

/// A format that does not say what stands in it: whoever reads it has to ask for what was written.
struct Postcard;

impl Codec for Postcard {
    fn name(&self) -> &'static str {
        "postcard"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        Ok(postcard::to_allocvec(value)?)
    }

    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        Ok(seed.deserialize(&mut postcard::Deserializer::from_bytes(bytes))?)
    }
}

#[track_caller]
fn comes_back_in<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    codec: impl Codec,
    value: &T,
) {
    let codec = AnyCodec::other(codec);
    assert_eq!(&codec.decode::<T>(&codec.encode(value).unwrap()).unwrap(), value);
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    comes_back_in(Json, value);
    comes_back_in(Postcard, value);
    #[cfg(feature = "messagepack")]
    comes_back_in(super::MessagePack, value);
}

/// By the formats that say what stands in them.
#[track_caller]
fn comes_back_undemanded<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    comes_back_in(Json, value);
    #[cfg(feature = "messagepack")]
    comes_back_in(super::MessagePack, value);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Box<Kind>),
    Tuple(u8, Option<Wrapped>),
    Struct { inner: Vec<Kind>, named: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(i16);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, char);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    kind: Kind,
    pair: Pair,
    unit: Unit,
    #[serde(default)]
    absent: Option<Cow<'static, str>>,
}

fn named() -> Named {
    let inner = vec![Kind::Unit, Kind::Tuple(3, None), Kind::Tuple(4, Some(Wrapped(-5)))];
    Named {
        kind: Kind::Newtype(Box::new(Kind::Struct { inner, named: "ß".into() })),
        pair: Pair(7, 'é'),
        unit: Unit,
        absent: Some("text".into()),
    }
}

#[test]
fn numbers_and_text_come_back() {
    comes_back(&(true, i8::MIN, i16::MIN, i32::MIN, i64::MIN));
    comes_back(&(false, u8::MAX, u16::MAX, u32::MAX, u64::MAX));
    comes_back(&(i128::MIN, i128::from(-1), u128::MAX, 1u128));
    comes_back(&[0.1f32, f32::MIN_POSITIVE, f32::MAX, -0.0]);
    comes_back(&[0.1, f64::MIN_POSITIVE, f64::MAX, -0.0]);
    comes_back_in(Postcard, &[f32::INFINITY, f32::NEG_INFINITY]);
    #[cfg(feature = "messagepack")]
    comes_back_in(super::MessagePack, &[f32::INFINITY, f32::NEG_INFINITY]);
    comes_back(&('\0', '🦀', String::from("two"), Cow::Borrowed("three")));
    comes_back(&serde_bytes::ByteBuf::from([0, 255]));
    comes_back(&(Duration::from_nanos(1), ()));
}

#[test]
fn values_with_parts_come_back() {
    comes_back(&named());
    comes_back(&vec![Some(Kind::Unit), None]);
    comes_back(&Some(Wrapped(1)));
    comes_back(&[Ok::<u8, Kind>(1), Err(Kind::Unit)]);
    comes_back(&BTreeMap::from([(-1, Pair(0, 'a')), (1, Pair(1, 'b'))]));
    comes_back(&HashMap::from([("a".to_owned(), vec![Vec::<u8>::new(), vec![1]])]));
    // The format alone does not tell these apart.
    comes_back_in(Postcard, &(Some(None::<u8>), Some(()), Some(Some(1))));
}

#[test]
fn a_type_learns_whether_a_person_can_read_the_format() {
    let ip = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    comes_back(&ip);
    assert_eq!(AnyCodec::other(Json).encode(&ip).unwrap(), br#"["127.0.0.1","::1"]"#);
    assert_eq!(AnyCodec::other(Postcard).encode(&ip[0]).unwrap(), [0, 127, 0, 0, 1]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    named: Named,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Unit,
    Newtype(Named),
    Struct { id: u64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Unit,
    Number(i8),
    Float(f32),
    Text(char),
    Tuple(u8, Option<u8>),
    Struct { id: u64 },
}

#[test]
fn a_type_that_takes_whatever_comes_does_so() {
    let others = serde_json::json!({ "a": [null, true, -1, 1.5, "b"], "c": {} });
    let serde_json::Value::Object(others) = others else { unreachable!() };
    comes_back_undemanded(&Flat { id: 1, named: named(), others: others.into_iter().collect() });
    comes_back_undemanded(&[
        Tagged::Unit,
        Tagged::Newtype(named()),
        Tagged::Struct { id: u64::MAX },
    ]);
    comes_back_undemanded(&[
        Untagged::Unit,
        Untagged::Number(-1),
        Untagged::Float(0.1),
        Untagged::Text('ß'),
        Untagged::Tuple(1, None),
        Untagged::Struct { id: 1 },
    ]);
}

#[test]
fn fields_may_be_missing_unknown_or_in_order() {
    let decode = |text: &str| AnyCodec::other(Json).decode::<Named>(text.as_bytes());
    let text = r#"{"unit":null,"kind":"Unit","pair":[1,"a"],"unknown":[{"a":1},null]}"#;
    let expected = Named { kind: Kind::Unit, pair: Pair(1, 'a'), unit: Unit, absent: None };
    assert_eq!(decode(text).unwrap(), expected);
    assert_eq!(decode(r#"["Unit",[1,"a"],null,null]"#).unwrap(), expected);
}

/// The error is the one that the format itself gives.
#[track_caller]
fn refused<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
    let error = AnyCodec::other(Json).decode::<T>(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, serde_json::from_str::<T>(text).unwrap_err().to_string());
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(" at line ") && !error.ends_with(" line 0 column 0"), "{error}");
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    refused::<bool>("\n1", "invalid type: integer `1`, expected a boolean at line 2");
    refused::<u8>("256", "invalid value: integer `256`, expected u8");
    refused::<Vec<u8>>("[1,\n\"a\"]", "invalid type: string \"a\", expected u8 at line 2");
    refused::<Kind>("\"No\"", "unknown variant `No`, expected one of `Unit`");
    refused::<Kind>(r#"{"Newtype":{"Tuple":[1]}}"#, "invalid length 1");
    refused::<Kind>(r#"{"Struct":{"named":"a"}}"#, "missing field `inner`");
    refused::<Named>("{\"kind\":\n{\"Newtype\":\n1}}", "expected value at line 3");
    refused::<Named>(
        "{\"kind\":\n\"Unit\",\n\"pair\":1}",
        "invalid type: integer `1`, expected tuple struct",
    );
    refused::<Named>(r#"{"kind":"Unit","kind":"Unit"}"#, "duplicate field `kind`");
    refused::<Named>(r#"{"kind":"Unit","#, "EOF while parsing a value");
    refused::<Vec<Untagged>>("[[1,2,3]]", "data did not match any variant");
}

/// Postcard has an error for each thing that can be wrong, and one for all that visitors say.
#[test]
fn an_error_of_the_format_stays_what_it_is() {
    let whole = AnyCodec::other(Postcard).encode(&named()).unwrap();
    for end in 0..whole.len() {
        let error = AnyCodec::other(Postcard).decode::<Named>(&whole[..end]).unwrap_err();
        assert_eq!(error.to_string(), postcard::Error::DeserializeUnexpectedEnd.to_string());
    }
}

#[test]
fn a_sequence_is_given_the_room_that_it_needs() {
    let list: Vec<u8> = AnyCodec::other(Postcard).decode(&[3, 7, 8, 9]).unwrap();
    assert_eq!((list.as_slice(), list.capacity()), (&[7, 8, 9][..], 3));
}

/// Hands this to whoever asks, whatever it is that they ask for.
struct Handed<T>(T);

impl<T> Codec for Handed<T>
where
    T: for<'de> IntoDeserializer<'de> + Clone + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "handed"
    }

    fn encode<U: Serialize + ?Sized>(&self, _: &U) -> Result<Vec<u8>, BoxError> {
        Ok(Vec::new())
    }

    fn decode<U, S>(&self, _: &[u8], seed: S) -> Result<U, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = U>,
    {
        Ok(seed.deserialize(self.0.clone().into_deserializer())?)
    }
}

#[test]
fn a_type_is_handed_what_it_did_not_ask_for() {
    #[track_caller]
    fn refused<T: DeserializeOwned + Debug>(codec: impl Codec, expected: &str) {
        let error = AnyCodec::other(codec).decode::<T>(b"").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    assert_eq!(AnyCodec::other(Handed(1u8)).decode::<f64>(b"").unwrap().to_bits(), 1f64.to_bits());
    assert_eq!(AnyCodec::other(Handed("Unit")).decode::<Kind>(b"").unwrap(), Kind::Unit);
    refused::<Named>(Handed(1u8), "invalid type: integer `1`, expected struct Named");
    refused::<Vec<u8>>(Handed("a"), "invalid type: string \"a\", expected a sequence");
    refused::<u8>(Handed(vec![1]), "invalid type: sequence, expected u8");
    refused::<Unit>(Handed(1u128), "invalid type: integer of 128 bits, expected unit struct Unit");
}
