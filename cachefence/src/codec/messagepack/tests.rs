#![allow(clippy::option_option)] // it is what MessagePack cannot tell apart
#![allow(clippy::needless_pass_by_value)] // the values read better without a `&` each

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde_bytes::ByteBuf;

use super::super::lost::DEEPEST;
use super::super::{AnyCodec, refusal};
use super::*;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Deep {
    option: Option<Option<u8>>,
    floats: Vec<f64>,
    units: BTreeMap<Option<u8>, Option<()>>,
    kinds: Vec<Kind>,
    tuple: (u8, Option<Option<Option<bool>>>),
    keys: BTreeMap<Vec<Option<Option<u8>>>, u8>,
    bytes: ByteBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Option<Wrapped>),
    Tuple(f32, Option<Wrapped>),
    Struct { inner: Option<Unit> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<u8>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit;

/// Comes back from the codec itself, and as a cache calls it.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let bytes = MessagePack.encode(&value).unwrap();
    assert_eq!(MessagePack.decode(&bytes, PhantomData::<T>).unwrap(), value);
    let cache = AnyCodec::other(MessagePack);
    assert_eq!(cache.encode(&value).unwrap(), bytes);
    assert_eq!(cache.decode::<T>(&bytes).unwrap(), value);
}

/// Is refused for a reason that can be told, by the codec itself and as a cache calls it.
#[track_caller]
fn refused<T: Serialize>(value: T, because: &str) {
    for error in [MessagePack.encode(&value), AnyCodec::other(MessagePack).encode(&value)] {
        let reason = refusal(&*error.unwrap_err()).unwrap();
        assert!(reason.contains(because), "{reason}");
    }
}

/// Is refused, and would be decoded as another value.
#[track_caller]
fn some_is_refused<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    refused(&value, "would come back as `None`");
    let bytes = rmp_serde::to_vec_named(&value).unwrap();
    assert_ne!(rmp_serde::from_slice::<T>(&bytes).unwrap(), value);
}

fn deep(with: impl FnOnce(&mut Deep)) -> Deep {
    let mut deep = Deep::default();
    with(&mut deep);
    deep
}

#[test]
fn a_nil_of_its_own_comes_back() {
    comes_back(());
    comes_back(Unit);
    comes_back(None::<u8>);
    comes_back(Wrapped(None));
    comes_back(vec![None, Some(1), None]);
    comes_back(None::<Option<Option<u8>>>);
    comes_back(serde_json::json!({ "a": null, "b": [null] }));
    comes_back(deep(|deep| {
        deep.kinds = vec![
            Kind::Unit,
            Kind::Newtype(None),
            Kind::Newtype(Some(Wrapped(Some(1)))),
            Kind::Tuple(1.5, None),
            Kind::Struct { inner: None },
        ];
        deep.units = BTreeMap::from([(None, None), (Some(1), None)]);
        deep.option = Some(Some(1));
        deep.keys = BTreeMap::from([(vec![None, Some(Some(1))], 1)]);
    }));
}

#[test]
fn a_unit_struct_inside_some_comes_back() {
    comes_back(Some(Unit));
    comes_back(vec![None, Some(Unit)]);
    comes_back(deep(|deep| deep.kinds = vec![Kind::Struct { inner: Some(Unit) }]));
}

#[test]
fn a_nil_inside_some_is_refused() {
    some_is_refused(Some(None::<u8>));
    some_is_refused(Some(()));
    some_is_refused(Some(Wrapped(None)));
    some_is_refused(Some(Some(None::<u8>)));
    some_is_refused(Some(serde_json::Value::Null));
    some_is_refused(vec![Some(Some(1)), Some(None)]);
    some_is_refused(deep(|deep| deep.option = Some(None)));
    some_is_refused(deep(|deep| deep.tuple.1 = Some(Some(None))));
    some_is_refused(deep(|deep| deep.units = BTreeMap::from([(None, None), (Some(2), Some(()))])));
    some_is_refused(deep(|deep| deep.kinds = vec![Kind::Newtype(Some(Wrapped(None)))]));
    some_is_refused(deep(|deep| deep.kinds = vec![Kind::Tuple(0.0, Some(Wrapped(None)))]));
    some_is_refused(deep(|deep| deep.keys = BTreeMap::from([(vec![Some(None)], 1)])));
}

#[test]
fn every_float_comes_back() {
    comes_back(vec![f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 0.1 + 0.2]);
    comes_back(vec![f32::INFINITY, f32::MIN_POSITIVE, 0.1]);
    for float in [f64::NAN, -f64::NAN, -0.0] {
        let bytes = AnyCodec::other(MessagePack).encode(&float).unwrap();
        let back: f64 = AnyCodec::other(MessagePack).decode(&bytes).unwrap();
        assert_eq!(back.to_bits(), float.to_bits());
    }
}

#[test]
fn bytes_are_stored_as_they_are() {
    let bytes: Vec<u8> = (0..=255).collect();
    let encoded = MessagePack.encode(&ByteBuf::from(bytes.clone())).unwrap();
    assert_eq!(encoded, [&[0xc5, 1, 0], &bytes[..]].concat());
    // An entry of `Vec<u8>` and one of bytes are decoded as each other.
    let list = MessagePack.encode(&bytes).unwrap();
    assert_eq!(MessagePack.decode(&encoded, PhantomData::<Vec<u8>>).unwrap(), bytes);
    assert_eq!(MessagePack.decode(&list, PhantomData::<ByteBuf>).unwrap(), bytes);
}

#[test]
fn fields_and_variants_are_stored_by_name() {
    #[derive(Serialize)]
    struct Old {
        gone: u8,
        kind: Kind,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct New {
        kind: Kind,
        #[serde(default)]
        added: u8,
    }
    let encoded = MessagePack.encode(&Old { gone: 1, kind: Kind::Unit }).unwrap();
    assert_eq!(encoded, b"\x82\xa4gone\x01\xa4kind\xa4Unit");
    let new = MessagePack.decode(&encoded, PhantomData::<New>).unwrap();
    assert_eq!(new, New { kind: Kind::Unit, added: 0 });
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Nested>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Next(Box<Chain>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    others: BTreeMap<String, Flat>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u8),
    List(Vec<Loose>),
}

fn nest<T>(levels: usize, first: T, next: impl Fn(T) -> T) -> T {
    (0..levels).fold(first, |inner, _| next(inner))
}

#[test]
fn what_is_nested_comes_back_down_to_the_limit_and_is_refused_below() {
    // A list without elements is the first level.
    let list = |levels| nest(levels - 1, Nested(vec![]), |inner| Nested(vec![inner]));
    let chain = |levels| nest(levels, Chain::End, |inner| Chain::Next(Box::new(inner)));
    let flat = |levels| {
        nest(levels - 1, Flat { others: BTreeMap::new() }, |inner| Flat {
            others: BTreeMap::from([("a".to_owned(), inner)]),
        })
    };
    let loose = |levels| nest(levels, Loose::Number(1), |inner| Loose::List(vec![inner]));
    let json = |levels| nest(levels, serde_json::json!(1), |inner| serde_json::json!([inner]));
    comes_back(list(DEEPEST));
    comes_back(chain(DEEPEST));
    comes_back(flat(DEEPEST));
    comes_back(loose(DEEPEST));
    comes_back(json(DEEPEST));
    let because = "more than 127 levels deep";
    refused(list(DEEPEST + 1), because);
    refused(chain(DEEPEST + 1), because);
    refused(flat(DEEPEST + 1), because);
    refused(loose(DEEPEST + 1), because);
    refused(json(DEEPEST + 1), because);
}

/// Announces three elements and writes two.
struct Lying;

impl Serialize for Lying {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(3))?;
        list.serialize_element(&1)?;
        list.serialize_element(&2)?;
        list.end()
    }
}

#[test]
fn a_length_that_is_not_kept_is_refused() {
    refused(Lying, "announces another number of elements");
    refused((Lying, 4, 5), "announces another number of elements");
}

#[test]
fn the_error_of_a_value_itself_is_not_told_as_a_reason() {
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a secret"))
        }
    }
    let error = AnyCodec::other(MessagePack).encode(&(Secret, None::<u8>)).unwrap_err();
    assert_eq!(refusal(&*error), None);
}

#[track_caller]
fn is_no_value<T: DeserializeOwned + Debug>(bytes: &[u8]) {
    MessagePack.decode(bytes, PhantomData::<T>).unwrap_err();
    AnyCodec::other(MessagePack).decode::<T>(bytes).unwrap_err();
}

#[test]
fn bytes_that_are_nested_without_end_are_an_error() {
    let many = |marker: &[u8]| marker.repeat(1_000_000);
    is_no_value::<Nested>(&many(&[0x91]));
    is_no_value::<serde_json::Value>(&many(&[0x91]));
    is_no_value::<serde_json::Value>(&many(&[0x81, 0xa1, b'a']));
    is_no_value::<Loose>(&many(&[0x91]));
    is_no_value::<Flat>(&many(&[0x81, 0xa1, b'a']));
    // The decoder itself does not count the levels of enums.
    is_no_value::<Chain>(&many(b"\x81\xa4Next"));
    // What is not looked at is nested as well.
    let unknown = [&b"\x81\xa1a"[..], &many(&[0x91])].concat();
    is_no_value::<Deep>(&unknown);
}

/// Reserves what it is told to, as a careless type would.
#[derive(Debug)]
struct Careless(usize);

impl<'de> Deserialize<'de> for Careless {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Told;
        impl<'de> Visitor<'de> for Told {
            type Value = Careless;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Careless, A::Error> {
                let told = list.size_hint().unwrap_or_default();
                assert!(told < 1_000, "{told}");
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Careless(told))
            }
        }
        deserializer.deserialize_seq(Told)
    }
}

#[test]
fn a_length_that_lies_reserves_nothing() {
    assert_eq!(MessagePack.decode(&[0x92, 1, 2], PhantomData::<Careless>).unwrap().0, 2);
    for marker in [0xdd, 0xdf, 0xc6, 0xdb, 0xc9] {
        let lying = [marker, 0xff, 0xff, 0xff, 0xff, 1, 2, 3];
        is_no_value::<Careless>(&lying);
        is_no_value::<Vec<u64>>(&lying);
        is_no_value::<BTreeMap<u8, u8>>(&lying);
        is_no_value::<ByteBuf>(&lying);
        is_no_value::<String>(&lying);
        is_no_value::<serde_json::Value>(&lying);
    }
}

#[test]
fn bytes_after_the_value_are_an_error() {
    is_no_value::<u8>(&[1, 2]);
    is_no_value::<Vec<u8>>(&[0x91, 1, 0xc0]);
    is_no_value::<Option<u8>>(&[0xc0, 0xc0]);
    is_no_value::<u8>(&[]);
}

/// A value of each kind, for bytes that are nearly right.
fn sample() -> Deep {
    deep(|deep| {
        deep.option = Some(Some(200));
        deep.floats = vec![1.5];
        deep.units = BTreeMap::from([(Some(1), None)]);
        deep.kinds = vec![
            Kind::Unit,
            Kind::Newtype(Some(Wrapped(Some(1)))),
            Kind::Tuple(1.5, None),
            Kind::Struct { inner: Some(Unit) },
        ];
        deep.keys = BTreeMap::from([(vec![Some(Some(1))], 1)]);
        deep.bytes = ByteBuf::from(vec![1, 2, 3]);
    })
}

#[test]
fn bytes_that_are_nearly_right_are_a_value_or_an_error() {
    let whole = MessagePack.encode(&sample()).unwrap();
    for at in 0..whole.len() {
        is_no_value::<Deep>(&whole[..at]);
        for byte in 0..=u8::MAX {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(value) = AnyCodec::other(MessagePack).decode::<Deep>(&bytes) {
                // What is decoded is a value like any other.
                drop(AnyCodec::other(MessagePack).encode(&value));
            }
            drop(MessagePack.decode(&bytes, PhantomData::<serde_json::Value>));
        }
    }
}

#[test]
fn what_an_event_may_tell_of_foreign_bytes_says_what_is_wrong() {
    let said = |bytes: &[u8]| MessagePack.decode(bytes, PhantomData::<u8>).unwrap_err().to_string();
    assert_eq!(said(&[]), "EOF in the middle of a value");
    assert_eq!(said(&[1, 2]), "trailing bytes after the value");
    assert_eq!(said(&[0xc1]), "invalid byte, expected a marker of MessagePack");
    assert_eq!(said(&[0x91; 200]), "nested too deep, expected at most 127 levels");
    assert_eq!(said(b"\xa1a"), "wrong msgpack marker FixStr(1)");
}
