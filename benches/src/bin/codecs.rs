//! Compares `MessagePack` with `Json`: the sizes of values, and how long they take to encode and to decode, by the codec alone
//! and by a cache in memory.
//!
//! `codecs` prints the tables of `results/codecs.md`. The codecs run short batches in turns; a time is the median of the
//! batches, a ratio the median of the ratios of neighbouring batches.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::hint::black_box;
use std::marker::PhantomData;
use std::time::Duration;

use cachefence::{CacheFence, Codec, Json, MessagePack};
use cachefence_benches::cpu;
use cachefence_benches::statistics::{Spread, median};
use cachefence_benches::value::Profile;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::runtime::Runtime;

const ROUNDS: usize = 101;
const BATCH_NANOSECONDS: f64 = 3e6;
const TTL: Duration = Duration::from_hours(1);

fn main() {
    let mut tables = [
        Table::new("the codec alone", ["encode", "decode"]),
        Table::new("a cache in memory", ["`set`", "hit"]),
    ];
    measure("a struct of 200 bytes", &Profile::of_size(200), &mut tables);
    measure("100 rows", &rows(), &mut tables);
    measure("a document of 150 KB", &document(), &mut tables);
    measure("1 MiB as `serde_bytes`", &ByteBuf::from(bytes()), &mut tables);
    measure("1 MiB as `Vec<u8>`", &bytes(), &mut tables);
    for table in tables {
        println!("{}", table.text);
    }
}

/// A row of a query's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: u64,
    name: String,
    price: f64,
    stock: i32,
    active: bool,
    parent: Option<u64>,
}

fn rows() -> Vec<Row> {
    let row = |id: u32| Row {
        id: 7_000_000 + u64::from(id),
        name: format!("Article number {id}"),
        price: f64::from(id) * 1.37 + 0.99,
        stock: 3 * i32::try_from(id).expect("a hundred rows") - 40,
        active: !id.is_multiple_of(3),
        parent: id.is_multiple_of(4).then_some(u64::from(id / 4)),
    };
    (0..100).map(row).collect()
}

/// A nested document: maps, lists, text and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    title: String,
    attributes: BTreeMap<String, String>,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Section {
    heading: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Block {
    Text(String),
    Table { head: Vec<String>, cells: Vec<Vec<f64>> },
    Rule,
}

fn document() -> Document {
    let block = |block: u32| match block % 4 {
        0 => Block::Rule,
        1 => Block::Table {
            head: (0..4).map(|column| format!("column {column}")).collect(),
            cells: (0..5)
                .map(|row| (0..4).map(|cell| f64::from(row * cell) / 8.0).collect())
                .collect(),
        },
        _ => Block::Text("Reads the same row as everybody else, only \"faster\". ".repeat(5)),
    };
    let section = |section: u32| Section {
        heading: format!("Section {section}"),
        blocks: (0..8).map(block).collect(),
    };
    Document {
        title: "A document".to_owned(),
        attributes: (0..50).map(|at| (format!("attribute-{at}"), format!("value {at}"))).collect(),
        sections: (0..91).map(section).collect(),
    }
}

/// Bytes of which each is as frequent as any other.
fn bytes() -> Vec<u8> {
    (0..=u8::MAX).collect::<Vec<_>>().repeat((1 << 20) / 256)
}

struct Table {
    text: String,
}

impl Table {
    fn new(what: &str, [first, second]: [&str; 2]) -> Self {
        let text = format!(
            "| {what} | bytes: JSON | `MessagePack` | ratio | {first}: JSON | `MessagePack` | ratio | {second}: JSON | `MessagePack` | ratio |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        );
        Self { text }
    }
}

fn measure<T>(name: &str, value: &T, tables: &mut [Table; 2])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Clone + Send + Sync + 'static,
{
    let (json, messagepack) = (encoded(&Json, value), encoded(&MessagePack, value));
    let (was, is) = (json.len(), messagepack.len());
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let ratio = significant(is as f64 / was as f64);
    let size = format!("{was} | {is} | {ratio}");

    let encode = in_turns(
        || drop(black_box(Json.encode(black_box(value)))),
        || drop(black_box(MessagePack.encode(black_box(value)))),
    );
    let decode = in_turns(
        || drop(black_box(Json.decode(black_box(&json), PhantomData::<T>))),
        || drop(black_box(MessagePack.decode(black_box(&messagepack), PhantomData::<T>))),
    );
    let _ = writeln!(tables[0].text, "| {name} | {size} | {encode} | {decode} |");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("it starts");
    let caches = [
        CacheFence::builder().in_memory().build_lazy(),
        CacheFence::builder().in_memory().codec(MessagePack).build_lazy(),
    ];
    let [json, messagepack] = caches.map(|cache| cache.expect("its options are right"));
    let set = in_turns(|| set(&runtime, &json, value), || set(&runtime, &messagepack, value));
    let hit = in_turns(|| hit::<T>(&runtime, &json), || hit::<T>(&runtime, &messagepack));
    let _ = writeln!(tables[1].text, "| {name} | {size} | {set} | {hit} |");
}

/// The bytes of `value`, from which it comes back.
fn encoded<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    codec: &impl Codec,
    value: &T,
) -> Vec<u8> {
    let bytes = codec.encode(value).expect("it can be encoded");
    let back = codec.decode(&bytes, PhantomData::<T>).expect("it can be decoded");
    assert!(back == *value, "a hit equals its miss");
    bytes
}

fn set<T: Serialize + DeserializeOwned>(runtime: &Runtime, cache: &CacheFence, value: &T) {
    runtime.block_on(cache.entry("value").ttl(TTL).set(value)).expect("it is in memory");
}

fn hit<T: Serialize + DeserializeOwned>(runtime: &Runtime, cache: &CacheFence) {
    let found = runtime.block_on(cache.entry::<T>("value").peek()).expect("it is in memory");
    assert!(black_box(found).is_some());
}

/// How long `json` and `messagepack` take, and the ratio of the two.
fn in_turns(mut json: impl FnMut(), mut messagepack: impl FnMut()) -> String {
    let (ours, theirs) = (batch(&mut json), batch(&mut messagepack));
    let (mut was, mut is) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        was.push(time(ours, &mut json));
        is.push(time(theirs, &mut messagepack));
    }
    let ratio = significant(Spread::of_pairs(&is, &was).median);
    format!("{} | {} | {ratio}", readable(median(&was)), readable(median(&is)))
}

/// How many runs take as long as a batch should.
fn batch(run: &mut impl FnMut()) -> u32 {
    let mut runs = 1;
    while runs < 1 << 20 {
        if time(runs, run) * f64::from(runs) >= BATCH_NANOSECONDS {
            break;
        }
        runs *= 2;
    }
    runs
}

/// The nanoseconds of one run, in CPU time: the process has one thread, and what else runs on the machine disturbs less.
fn time(runs: u32, run: &mut impl FnMut()) -> f64 {
    let begun = cpu::used_ms();
    (0..runs).for_each(|_| run());
    (cpu::used_ms() - begun) * 1e6 / f64::from(runs)
}

/// A ratio, with at least two digits that say something.
fn significant(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

fn readable(nanoseconds: f64) -> String {
    if nanoseconds < 1_000.0 {
        format!("{nanoseconds:.0} ns")
    } else if nanoseconds < 1_000_000.0 {
        format!("{:.1} µs", nanoseconds / 1_000.0)
    } else {
        format!("{:.2} ms", nanoseconds / 1_000_000.0)
    }
}
