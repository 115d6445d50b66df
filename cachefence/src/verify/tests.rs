//! Generated values: none that comes back as it was is taken for another.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::compare::{ByDebug, ByPartialEq, CompareValue, Unknown};
use crate::codec::AnyCodec;

/// A value that holds every kind of part that two equal values could print differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Value {
    id: i64,
    text: String,
    floats: Vec<f64>,
    small: Option<f32>,
    map: HashMap<String, Option<Kind>>,
    set: HashSet<String>,
    sorted: BTreeMap<u16, BTreeSet<char>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nested: Option<Box<Value>>,
    tuple: (bool, u8, ()),
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(f64),
    Tuple(u8, Box<Kind>),
    Struct { kind: Option<Box<Kind>>, tagged: Tagged },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
enum Tagged {
    Empty,
    Named { name: String, f: f32 },
}

fn text(rng: &mut StdRng) -> String {
    const CHARS: [char; 9] = ['a', 'B', '0', ' ', '"', '\n', 'ß', '\u{1f980}', '\u{0}'];
    (0..rng.random_range(0..6)).map(|_| CHARS[rng.random_range(0..CHARS.len())]).collect()
}

fn float(rng: &mut StdRng) -> f64 {
    let float = f64::from_bits(rng.random());
    if float.is_finite() { float } else { [0.0, -0.0, f64::MAX, 0.1 + 0.2][rng.random_range(0..4)] }
}

fn small(rng: &mut StdRng) -> f32 {
    let float = f32::from_bits(rng.random());
    if float.is_finite() { float } else { -0.0 }
}

fn several<T, C: FromIterator<T>>(rng: &mut StdRng, mut make: impl FnMut(&mut StdRng) -> T) -> C {
    (0..rng.random_range(0..5)).map(|_| make(rng)).collect()
}

fn kind(rng: &mut StdRng, depth: u32) -> Kind {
    match rng.random_range(0..if depth == 0 { 2 } else { 4 }) {
        0 => Kind::Unit,
        1 => Kind::Newtype(float(rng)),
        2 => Kind::Tuple(rng.random(), Box::new(kind(rng, depth - 1))),
        _ => {
            let named = rng.random_bool(0.5);
            let tagged = if named {
                Tagged::Named { name: text(rng), f: small(rng) }
            } else {
                Tagged::Empty
            };
            let inner = rng.random_bool(0.5).then(|| Box::new(kind(rng, depth - 1)));
            Kind::Struct { kind: inner, tagged }
        }
    }
}

fn value(rng: &mut StdRng, depth: u32) -> Value {
    Value {
        id: rng.random(),
        text: text(rng),
        floats: several(rng, float),
        small: rng.random_bool(0.5).then(|| small(rng)),
        map: several(rng, |rng| (text(rng), rng.random_bool(0.7).then(|| kind(rng, 2)))),
        set: several(rng, text),
        sorted: several(rng, |rng| {
            (rng.random(), several(rng, |rng| text(rng).chars().next().unwrap_or('-')))
        }),
        nested: (depth > 0 && rng.random_bool(0.5)).then(|| Box::new(value(rng, depth - 1))),
        tuple: (rng.random(), rng.random(), ()),
        kind: kind(rng, 3),
        rest: several(rng, |rng| (format!("x{}", rng.random_range(0..9)), rng.random())),
    }
}

#[test]
fn of_10_000_generated_values_none_is_a_false_alarm_and_each_change_is_seen() {
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..10_000 {
        let original = value(&mut rng, 2);
        let bytes = AnyCodec::Json.encode(&original).unwrap();
        let decoded: Value = AnyCodec::Json.decode(&bytes).unwrap();
        let differences = |decoded: &Value| {
            [
                <(ByPartialEq, ByDebug)>::difference(&original, decoded),
                <(ByPartialEq, Unknown)>::difference(&original, decoded),
                <(Unknown, ByDebug)>::difference(&original, decoded),
            ]
        };
        assert_eq!(differences(&decoded), [None, None, None], "round {round}: {original:?}");
        let mut changed = decoded;
        changed.id = changed.id.wrapping_add(1);
        let [by_both, by_equality, by_print] = differences(&changed);
        assert!(by_equality.is_some());
        for named in [by_both, by_print] {
            assert_eq!(named.and_then(|difference| difference.field).as_deref(), Some("id"));
        }
    }
}
