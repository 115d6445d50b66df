//! JSON, and the values that it cannot hold.

use std::io;

use serde::Serialize;
use serde::de::DeserializeSeed;
use serde_json::ser::{Formatter, Serializer};

use super::Codec;
use super::lost::{DEEPEST, Lost, TOO_DEEP};
use super::nulls::Walk;
use crate::error::BoxError;

/// JSON, the default: readable with `redis-cli`, and tolerant of added fields. [`Builder::codec`](crate::Builder::codec) chooses
/// another [`Codec`], which shows how one is written.
///
/// JSON has one `null`, and only finite numbers. So encoding fails for a value that would be decoded as
/// another one, wherever in the value that is: `Some(None)` and `Some(())` would become `None`; NaN and the
/// infinities would become `None`, or not be decoded at all. Neither can it hold a map whose keys are neither text,
/// numbers nor unit variants, and what is nested more than 127 levels deep could not be decoded. Such a value is served and not cached, with a warning that says how to cache it. All
/// other floats are decoded to the last bit. `docs/values.md` of this package says what each codec does with which
/// value.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Codec for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        let (bytes, nulls) = encode(value)?;
        // Most values hold no null, and are not looked at a second time.
        if nulls {
            value.serialize(Walk::Json)?;
        }
        Ok(bytes)
    }

    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        let mut deserializer = serde_json::Deserializer::from_str(str::from_utf8(bytes)?);
        let value = seed.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }
}

/// As [`Json::encode`](Codec::encode), which this is for the engine: the walk that a null takes is compiled
/// once rather than for each type.
pub(super) fn encode_once_compiled<T: Serialize>(value: &T) -> Result<Vec<u8>, BoxError> {
    let (bytes, nulls) = encode(value)?;
    if nulls {
        let value: &dyn erased_serde::Serialize = value;
        value.serialize(Walk::Json)?;
    }
    Ok(bytes)
}

/// The text of `value`, and whether it holds a `null`.
fn encode<T: Serialize + ?Sized>(value: &T) -> Result<(Vec<u8>, bool), BoxError> {
    let (mut bytes, mut noticed) = (Vec::with_capacity(128), Noticed::default());
    let formatter = Noticing(&mut noticed);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).map_err(why)?;
    if noticed.too_deep { Err(TOO_DEEP.into()) } else { Ok((bytes, noticed.nulls)) }
}

/// What `serde_json` says of keys, in words that can be told; anything else may quote the value.
#[cold]
fn why(error: serde_json::Error) -> BoxError {
    const KEY: Lost = Lost::because(
        "JSON's keys are text, numbers and unit variants; use another codec, such as `MessagePack`",
    );
    if error.to_string() == "key must be a string" { KEY.into() } else { error.into() }
}

/// What is to be known of a text before it may be stored.
#[derive(Default)]
struct Noticed {
    nulls: bool,
    levels: usize,
    too_deep: bool,
}

impl Noticed {
    fn enter(&mut self) {
        self.levels += 1;
        self.too_deep |= self.levels > DEEPEST;
    }

    fn leave(&mut self) {
        self.levels = self.levels.saturating_sub(1);
    }
}

/// Formats as compactly as `serde_json` does, and notices whether a `null` is written and how deep the text is nested.
struct Noticing<'a>(&'a mut Noticed);

impl Formatter for Noticing<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.nulls = true;
        writer.write_all(b"null")
    }

    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.enter();
        writer.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.leave();
        writer.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.enter();
        writer.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.leave();
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::option_option)] // it is what JSON cannot tell apart
    #![allow(clippy::needless_pass_by_value)] // the values read better without a `&` each

    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::marker::PhantomData;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_no_value() {
        assert!(Json.decode(b"\"\xff\"", PhantomData::<String>).is_err());
        assert_eq!(Json.decode("\"ß\"".as_bytes(), PhantomData::<String>).unwrap(), "ß");
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct Deep {
        option: Option<Option<u8>>,
        floats: Vec<f64>,
        units: BTreeMap<u8, Option<()>>,
        kinds: Vec<Kind>,
        tuple: (u8, Option<Option<Option<bool>>>),
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

    #[track_caller]
    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        let bytes = Json.encode(&value).unwrap();
        assert_eq!(bytes, serde_json::to_vec(&value).unwrap());
        assert_eq!(Json.decode::<T, _>(&bytes, PhantomData::<T>).unwrap(), value);
    }

    #[track_caller]
    fn refused<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        let error = Json.encode(&value).unwrap_err().to_string();
        // Another codec, an enum, or fewer levels.
        assert!(error.contains("; use an") || error.contains("; nest less"), "{error}");
        // Encoded by `serde_json` itself, the value would not be decoded as it was.
        let bytes = serde_json::to_vec(&value).unwrap();
        let back: Option<T> = serde_json::from_slice(&bytes).ok();
        assert_ne!(back, Some(value));
    }

    #[test]
    fn what_is_nested_comes_back_down_to_the_limit_and_is_refused_below() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Tree {
            Leaf(Vec<Tree>),
            Pair { left: Box<Tree> },
        }

        /// With so many variants in each other, each of which is two levels.
        fn tree(variants: usize) -> Tree {
            (1..variants).fold(Tree::Leaf(vec![]), |inner, variant| match variant % 2 {
                0 => Tree::Leaf(vec![inner, Tree::Leaf(vec![])]),
                _ => Tree::Pair { left: Box::new(inner) },
            })
        }
        comes_back(tree(63));
        comes_back(vec![tree(63), tree(63)]);
        refused(tree(64));
        refused(vec![vec![tree(63)]]);
    }

    fn deep(with: impl FnOnce(&mut Deep)) -> Deep {
        let mut deep = Deep::default();
        with(&mut deep);
        deep
    }

    #[test]
    fn a_null_of_its_own_comes_back() {
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
            deep.units = BTreeMap::from([(1, None)]);
            deep.option = Some(Some(1));
        }));
    }

    #[test]
    fn a_null_inside_some_is_refused() {
        refused(Some(None::<u8>));
        refused(Some(()));
        refused(Some(Unit));
        refused(Some(Wrapped(None)));
        refused(Some(Some(None::<u8>)));
        refused(Some(serde_json::Value::Null));
        refused(vec![Some(Some(1)), Some(None)]);
        refused(deep(|deep| deep.option = Some(None)));
        refused(deep(|deep| deep.tuple.1 = Some(Some(None))));
        refused(deep(|deep| deep.units = BTreeMap::from([(1, None), (2, Some(()))])));
        refused(deep(|deep| deep.kinds = vec![Kind::Newtype(Some(Wrapped(None)))]));
        refused(deep(|deep| deep.kinds = vec![Kind::Tuple(0.0, Some(Wrapped(None)))]));
        refused(deep(|deep| deep.kinds = vec![Kind::Struct { inner: Some(Unit) }]));
    }

    #[test]
    fn a_float_that_is_not_finite_is_refused() {
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            refused(float);
            refused(Some(float));
            refused(deep(|deep| deep.floats = vec![1.0, float]));
        }
        refused(f32::NAN);
        refused(deep(|deep| deep.kinds = vec![Kind::Tuple(f32::INFINITY, None)]));
        comes_back(vec![0.0, -0.0, f64::MAX, f64::MIN_POSITIVE, 0.1 + 0.2]);
    }
}
