//! What the codecs of this crate do with values of each kind: the tables of `docs/values.md`, which are made here and
//! compared with the page.

#![allow(clippy::option_option)] // it is what the formats cannot tell apart

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::json;

use super::{AnyCodec, MessagePack, refusal};

const PAGE: &str = include_str!("../../docs/values.md");

/// The codecs as caches call them: JSON directly, the other through `thin`.
fn codecs() -> [AnyCodec; 2] {
    [AnyCodec::Json, AnyCodec::other(MessagePack)]
}

/// A row of a table: what is said of each codec.
fn row(what: &str, cell: impl Fn(&AnyCodec) -> String) -> String {
    let [json, messagepack] = codecs().map(|codec| cell(&codec));
    format!("| {what} | {json} | {messagepack} |\n")
}

#[track_caller]
fn assert_on_page(heads: &str, rows: &[String]) {
    let table = format!("{heads}\n|---|---|---|\n{}", rows.concat());
    assert!(PAGE.contains(&table), "docs/values.md has another table than this:\n\n{table}");
}

/// What becomes of `value`. The text of `Debug` tells more values apart than `==` does: NaN is itself, and -0.0 is not 0.0.
fn fate<T: Serialize + DeserializeOwned + Debug>(codec: &AnyCodec, value: &T) -> &'static str {
    let Ok(bytes) = codec.encode(value) else { return "refused" };
    match codec.decode::<T>(&bytes) {
        Ok(back) if format!("{back:?}") == format!("{value:?}") => "comes back",
        Ok(_) => "**another value**",
        Err(_) => "does not decode",
    }
}

/// A row of values that all have the same fate in one codec.
macro_rules! row {
    ($what:literal, $($value:expr),+ $(,)?) => {
        row($what, |codec| {
            let fates = BTreeSet::from([$(fate(codec, &$value)),+]);
            assert_eq!(fates.len(), 1, "{}: {fates:?}", $what);
            fates.into_iter().collect()
        })
    };
}

#[derive(Debug, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { id: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
struct Flat<T> {
    id: u8,
    #[serde(flatten)]
    inner: T,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged<T> {
    List(Vec<T>),
    One(T),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal<T> {
    Unit,
    Newtype(T),
    Struct { inner: T },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "content")]
enum Adjacent<T> {
    Unit,
    Newtype(T),
    Tuple(T, u8),
    Struct { inner: T },
}

#[derive(Debug, Serialize, Deserialize)]
struct Named<T> {
    value: T,
}

/// `value` below each of the attributes with which serde decodes whatever comes, before it knows the type.
macro_rules! below_whatever {
    ($what:literal, $value:expr) => {
        row!(
            $what,
            Flat { id: 1, inner: Named { value: $value } },
            Untagged::One(Named { value: $value }),
            Internal::Struct { inner: $value },
        )
    };
}

fn numbers_and_text() -> Vec<String> {
    vec![
        row!("integers of up to 64 bits, `bool`", i64::MIN, u64::MAX, -1i8, true),
        row!("`u128`, `i128`", u128::MAX, i128::MIN, 1u128),
        below_whatever!(
            "`u128`, `i128` inside `flatten`, `untagged` or `tag`, however small",
            1u128
        ),
        row!("`f32` and `f64` that are finite, `-0.0`", 0.1f32, f32::MAX, 0.1 + 0.2, -0.0),
        row!("NaN, the infinities", f32::NAN, f64::NAN, f64::INFINITY, f32::NEG_INFINITY),
        row!("`char`, text", 'ß', '\0', "a \"b\" \u{1f980}".to_owned()),
        row!(
            "`IpAddr`, `SystemTime`, `Duration`",
            IpAddr::from([127, 0, 0, 1]),
            SystemTime::UNIX_EPOCH,
            Duration::from_nanos(1),
        ),
        below_whatever!(
            "the same inside `flatten`, `untagged` or `tag`",
            (IpAddr::from([127, 0, 0, 1]), Duration::from_nanos(1))
        ),
    ]
}

fn nulls() -> Vec<String> {
    vec![
        row!("`()`, `None`, a unit struct", (), None::<u8>, Unit),
        row!("`Some(None)`, `Some(())`", Some(None::<u8>), Some(()), vec![Some(None::<u8>)]),
        row!("`Some` of a unit struct", Some(Unit), vec![None, Some(Unit)]),
        row!("`serde_json::Value`", json!({ "a": [null, 1, -1, 1.5, "b"], "c": {} })),
        row!("`Some(serde_json::Value::Null)`", Some(serde_json::Value::Null)),
    ]
}

fn bytes() -> Vec<String> {
    // Each byte as often as any other.
    let bytes: Vec<u8> = (0..16_384u32).map(|byte| byte.to_le_bytes()[0]).collect();
    #[allow(clippy::cast_precision_loss)] // a few bytes
    let times = |size: usize| format!("{:.1} bytes each", size as f64 / bytes.len() as f64);
    vec![
        row("a `Vec<u8>` of evenly spread bytes", |codec| {
            let size = codec.encode(&bytes).unwrap().len();
            format!("{}, {}", fate(codec, &bytes), times(size))
        }),
        row("the same as `serde_bytes`", |codec| {
            let buffer = ByteBuf::from(bytes.clone());
            format!("{}, {}", fate(codec, &buffer), times(codec.encode(&buffer).unwrap().len()))
        }),
        below_whatever!(
            "`serde_bytes` inside `flatten`, `untagged` or `tag`",
            ByteBuf::from([0, 255])
        ),
    ]
}

fn maps() -> Vec<String> {
    vec![
        row!(
            "maps whose keys are text, `char`, numbers, `bool` or unit variants",
            BTreeMap::from([("a".to_owned(), 1)]),
            BTreeMap::from([('a', 1)]),
            BTreeMap::from([(-1, 1), (1, 2)]),
            BTreeMap::from([(u128::MAX, 1)]),
            BTreeMap::from([(true, 1)]),
            BTreeMap::from([(Kind::Unit, 1)]),
        ),
        row!(
            "maps whose keys are structs, tuples, lists or other variants",
            BTreeMap::from([(Point { x: 1, y: 2 }, 1)]),
            BTreeMap::from([((1, 2), 1)]),
            BTreeMap::from([(vec![1], 1)]),
            BTreeMap::from([(Kind::Newtype(1), 1)]),
            BTreeMap::from([(Kind::Tuple(1, 2), 1)]),
            BTreeMap::from([(Kind::Struct { id: 1 }, 1)]),
        ),
        row!(
            "maps with a key that is `None` or `()`",
            BTreeMap::from([(None, 1), (Some(2), 3)]),
            BTreeMap::from([((), 1)]),
        ),
        below_whatever!(
            "maps with numbers for keys inside `flatten`, `untagged` or `tag`",
            BTreeMap::from([(1, 2)])
        ),
    ]
}

#[derive(Debug, Serialize, Deserialize)]
struct TwoMaps {
    #[serde(flatten)]
    ours: BTreeMap<String, u8>,
    #[serde(flatten)]
    theirs: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Overlapping {
    X { x: u8 },
    Both { x: u8, y: u8 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum TextOrBytes {
    Text(String),
    Bytes(ByteBuf),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
struct TaggedStruct {
    id: u8,
}

fn enums_and_flatten() -> Vec<String> {
    let point = || Point { x: 1, y: 2 };
    vec![
        row!(
            "enums",
            vec![Kind::Unit, Kind::Newtype(1), Kind::Tuple(1, 2), Kind::Struct { id: 1 }],
            vec![Some(Kind::Unit), None],
            Ok::<u8, Kind>(1),
        ),
        row!(
            "an internal `tag`",
            vec![Internal::Unit, Internal::Newtype(point()), Internal::Struct { inner: point() }],
            TaggedStruct { id: 1 },
        ),
        row!(
            "an internal `tag`, and a variant that holds no fields but a number",
            Internal::Newtype(1)
        ),
        row!(
            "`tag` and `content`",
            vec![
                Adjacent::Unit,
                Adjacent::Newtype(point()),
                Adjacent::Tuple(point(), 1),
                Adjacent::Struct { inner: point() },
            ],
        ),
        row!("`untagged`", Untagged::One(point()), Untagged::List(vec![1]), Untagged::One(1.5)),
        row!(
            "`untagged`, and an earlier variant would take it too",
            Overlapping::Both { x: 1, y: 2 }
        ),
        row!(
            "`untagged`, text before bytes",
            vec![TextOrBytes::Text("a".to_owned()), TextOrBytes::Bytes(ByteBuf::from(*b"b"))],
        ),
        row!(
            "`flatten`: a struct, an enum, an `Option`, a map of the rest",
            Flat { id: 1, inner: point() },
            Flat { id: 1, inner: Kind::Struct { id: 1 } },
            Flat { id: 1, inner: Internal::Newtype(point()) },
            Flat { id: 1, inner: Some(point()) },
            Flat { id: 1, inner: None::<Point> },
            Flat { id: 1, inner: BTreeMap::from([("a".to_owned(), json!([null, 1]))]) },
        ),
        row!(
            "two maps with `flatten` in one struct",
            TwoMaps {
                ours: BTreeMap::from([("a".to_owned(), 1)]),
                theirs: BTreeMap::from([("b".to_owned(), 2)]),
            },
        ),
    ]
}

#[derive(Debug, Serialize, Deserialize)]
struct Skips {
    #[serde(skip)]
    #[allow(dead_code)] // it is read by `Debug`
    hash: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SkipsOneWay {
    #[serde(skip_serializing)]
    #[allow(dead_code)]
    hash: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SkipsIfEmpty {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SkipsIfNone {
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: String,
    #[serde(rename = "type", alias = "kind")]
    other: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct RenamedOneWay {
    #[serde(rename(serialize = "a"))]
    value: u8,
}

fn fields() -> Vec<String> {
    vec![
        row!("`rename`, `rename_all`, `alias`", Renamed { first_name: "a".to_owned(), other: 1 }),
        row!("`rename(serialize = ..)` alone", RenamedOneWay { value: 1 }),
        row!(
            "`skip`, `skip_serializing` on a field that is not its default",
            Skips { hash: Some("a".to_owned()) },
            SkipsOneWay { hash: Some("a".to_owned()) },
        ),
        row!(
            "`skip_serializing_if` with `default`, or on an `Option` that is `None`",
            SkipsIfNone { option: None, list: vec![] },
            SkipsIfNone { option: Some(1), list: vec![1] },
        ),
        row!(
            "`skip_serializing_if` without `default`, when it skips",
            SkipsIfEmpty { list: vec![] }
        ),
    ]
}

#[derive(Debug, Serialize, Deserialize)]
struct Nested(Vec<Nested>);

/// Announces three elements and writes two.
#[derive(Debug, Deserialize)]
struct Lying(#[allow(dead_code)] Vec<u8>); // it is read by `Debug`

impl Serialize for Lying {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(3))?;
        self.0.iter().try_for_each(|byte| list.serialize_element(byte))?;
        list.end()
    }
}

fn shapes() -> Vec<String> {
    let nested = |levels| (1..levels).fold(Nested(vec![]), |inner, _| Nested(vec![inner]));
    vec![
        row!("tuples, arrays, lists, sets", (1, [2; 3], vec![4]), [0u8; 0], BTreeSet::from([1])),
        row("lists in lists", |codec| {
            let deepest =
                (1..200).take_while(|levels| fate(codec, &nested(*levels)) == "comes back");
            let levels = deepest.count();
            format!("{levels} levels; more: {}", fate(codec, &nested(levels + 1)))
        }),
        row!(
            "a hand-written `Serialize` that announces another length than it writes",
            Lying(vec![1, 2]),
        ),
    ]
}

#[test]
fn the_page_says_what_becomes_of_a_value() {
    let rows =
        [numbers_and_text(), nulls(), bytes(), maps(), enums_and_flatten(), fields(), shapes()];
    assert_on_page("| value | `Json` | `MessagePack` |", &rows.concat());
}

/// What a type makes of an entry that another release wrote from `old`; `new` is what it should make of it.
fn read_as<Old: Serialize, New: DeserializeOwned + Debug>(
    codec: &AnyCodec,
    old: &Old,
    new: &New,
) -> String {
    match codec.decode::<New>(&codec.encode(old).unwrap()) {
        Ok(read) if format!("{read:?}") == format!("{new:?}") => "read".to_owned(),
        Ok(read) => format!("**read as {read:?}**"),
        Err(_) => "does not decode".to_owned(),
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Old {
    id: u8,
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithDefault {
    id: u8,
    name: String,
    #[serde(default)]
    added: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithOption {
    id: u8,
    name: String,
    added: Option<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithField {
    id: u8,
    name: String,
    added: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct Fewer {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FewerAndStrict {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithAlias {
    id: u8,
    #[serde(alias = "name")]
    title: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithoutAlias {
    id: u8,
    title: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reordered {
    name: String,
    id: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct Wrapped(u8);

#[derive(Debug, Serialize, Deserialize)]
enum More {
    Added,
    Unit,
    Newtype(u8),
}

#[test]
fn the_page_says_what_a_release_reads_of_the_entries_of_another() {
    let old = || Old { id: 1, name: "a".to_owned() };
    let name = || "a".to_owned();
    let rows = [
        row("a field is added, with `#[serde(default)]`", |codec| {
            read_as(codec, &old(), &WithDefault { id: 1, name: name(), added: 0 })
        }),
        row("an `Option` is added", |codec| {
            read_as(codec, &old(), &WithOption { id: 1, name: name(), added: None })
        }),
        row("another field is added", |codec| {
            read_as(codec, &old(), &WithField { id: 1, name: name(), added: 0 })
        }),
        row("a field is removed", |codec| read_as(codec, &old(), &Fewer { name: name() })),
        row("a field is removed, from a type with `deny_unknown_fields`", |codec| {
            read_as(codec, &old(), &FewerAndStrict { name: name() })
        }),
        row("a field is renamed", |codec| {
            read_as(codec, &old(), &WithoutAlias { id: 1, title: name() })
        }),
        row("a field is renamed, with an `alias`", |codec| {
            read_as(codec, &old(), &WithAlias { id: 1, title: name() })
        }),
        row("fields change places", |codec| {
            read_as(codec, &old(), &Reordered { id: 1, name: name() })
        }),
        row("a variant is added", |codec| read_as(codec, &Kind::Newtype(1), &More::Newtype(1))),
        row("a variant is removed, and the entry is another one", |codec| {
            read_as(codec, &More::Unit, &Kind::Unit)
        }),
        row("a variant is removed, and the entry is that one", |codec| {
            read_as(codec, &More::Added, &Kind::Unit)
        }),
        row("`T` becomes `Option<T>`, `Box<T>` or a newtype of it", |codec| {
            let reads = [
                read_as(codec, &1, &Some(1)),
                read_as(codec, &1, &Box::new(1)),
                read_as(codec, &1, &Wrapped(1)),
            ];
            assert!(reads.iter().all(|read| *read == reads[0]), "{reads:?}");
            reads[0].clone()
        }),
        row("a number becomes wider, or a float", |codec| {
            let reads = [read_as(codec, &1u8, &1u64), read_as(codec, &1u8, &1.0f64)];
            assert!(reads.iter().all(|read| *read == reads[0]), "{reads:?}");
            reads[0].clone()
        }),
        row("a number becomes narrower, and is too large", |codec| read_as(codec, &256u16, &0u8)),
        row("`0.1` of an `f32` becomes an `f64`", |codec| read_as(codec, &0.1f32, &0.1f64)),
        row("a `Vec<u8>` becomes `serde_bytes`, or the other way round", |codec| {
            let bytes = vec![0, 255];
            let there = read_as(codec, &bytes, &ByteBuf::from(bytes.clone()));
            assert_eq!(there, read_as(codec, &ByteBuf::from(bytes.clone()), &bytes));
            there
        }),
        row("a number becomes text", |codec| read_as(codec, &1u8, &"1".to_owned())),
    ];
    assert_on_page("| change | `Json` | `MessagePack` |", &rows);
}

/// The words of a warning, as the page quotes them.
#[test]
fn the_page_says_why_a_value_is_refused() {
    let why = |codec: &AnyCodec, refused: Result<Vec<u8>, _>| {
        let name = if matches!(codec, AnyCodec::Json) { "`Json`" } else { "`MessagePack`" };
        let error: crate::error::BoxError = refused.unwrap_err();
        format!("- {name}: {}.\n", refusal(&*error).unwrap())
    };
    let [json, messagepack] = codecs();
    let nested = (0..200).fold(Nested(vec![]), |inner, _| Nested(vec![inner]));
    let reasons = [
        why(&json, json.encode(&Some(()))),
        why(&json, json.encode(&f64::NAN)),
        why(&json, json.encode(&BTreeMap::from([((1, 2), 3)]))),
        why(&json, json.encode(&nested)),
        why(&messagepack, messagepack.encode(&Some(()))),
        why(&messagepack, messagepack.encode(&nested)),
        why(&messagepack, messagepack.encode(&Lying(vec![1]))),
    ];
    let reasons = reasons.concat();
    assert!(PAGE.contains(&reasons), "docs/values.md has other reasons than these:\n\n{reasons}");
}

#[test]
#[cfg(feature = "redis")]
fn the_codecs_have_different_ids() {
    let [json, messagepack] = codecs();
    assert_ne!(json.id(), messagepack.id());
}
