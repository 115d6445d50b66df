//! The templates, each with the types of its arguments.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroI16, NonZeroU64};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use cachefence::__private::{Call, KeyWriter};
use cachefence::CacheFence;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use time::{OffsetDateTime, PrimitiveDateTime, UtcDateTime};
use uuid::Uuid;

use crate::args::Args;
use crate::check::check;
use crate::companions;
use crate::derived::{Id, Kind, Order, Range, Sku, Tree, Whole};
use crate::dice::Dice;
use crate::own::{Page, UserId, Version};
use crate::read;

/// Checks some pairs of one shape.
pub(crate) type Shape = fn(&mut Dice, u64) -> Result<(), String>;

pub(crate) const SHAPES: &[Shape] = &[
    companions::strings,
    companions::after_a_hash_tag,
    companions::beginning_like_a_lock,
    companions::of_structure,
    companions::of_own_types,
    companions::of_fields,
    companions::of_derived_types,
    companions::of_derived_generics,
    companions::of_types_and_versions,
    |dice, pairs| written::<(String, String)>(dice, pairs, &["s:", ":", ""]),
    |dice, pairs| written::<(String, String, String)>(dice, pairs, &["{", "}{", "}:", ""]),
    |dice, pairs| written::<(String, String)>(dice, pairs, &["{loc", " -:- ", ":lock"]),
    |dice, pairs| written::<(u8, String)>(dice, pairs, &["{", "}:lock", ""]),
    |dice, pairs| written::<(String, String)>(dice, pairs, &["~lock:{", "}", ""]),
    |dice, pairs| written::<(Option<String>, String)>(dice, pairs, &["", "hedge:", "}"]),
    |dice, pairs| written::<(String, String)>(dice, pairs, &["{~}", "}", ""]),
    |dice, pairs| written::<(String, Vec<String>)>(dice, pairs, &["(", ")|~", "~,"]),
    |dice, pairs| written::<(String, Arc<str>, Box<str>)>(dice, pairs, &["é", "é", "漢", "%"]),
    |dice, pairs| written::<(Vec<Vec<String>>,)>(dice, pairs, &["", ":v"]),
    |dice, pairs| {
        let literals = &["n:", ":", ":", ":", ":", ":", ""];
        written::<(u8, u16, u32, u64, u128, usize)>(dice, pairs, literals)
    },
    |dice, pairs| {
        let literals = &["n:", "+", ":", ":", ":", ":", ":", ""];
        written::<(i8, i16, i32, i64, i128, isize, bool)>(dice, pairs, literals)
    },
    |dice, pairs| {
        type Options = (Option<Option<Option<String>>>, Option<Vec<Option<char>>>, Option<bool>);
        written::<Options>(dice, pairs, &["o:", "/", "/", ""])
    },
    |dice, pairs| {
        type Nested = (Vec<(String, Option<String>)>, BTreeMap<String, Vec<u8>>, [String; 2]);
        written::<Nested>(dice, pairs, &["<", "><", "-:-", ">"])
    },
    |dice, pairs| {
        type Others = (NonZeroI16, NonZeroU64, IpAddr, Duration);
        written::<Others>(dice, pairs, &["", "#", "#", "#", ""])
    },
    |dice, pairs| {
        type Own = (Option<UserId>, Vec<Version>, (Page, Uuid), Cow<'static, str>);
        written::<Own>(dice, pairs, &["own:", "\n", ":", "|", ""])
    },
    |dice, pairs| {
        type Pairs = ((String, String), (String, (String,)), [[Option<String>; 2]; 2]);
        written::<Pairs>(dice, pairs, &["t:", ":", ":", ""])
    },
    |dice, pairs| {
        type Derived =
            (Option<Kind>, Tree<Sku>, Vec<Range<Tree<(String, u8)>>>, (Whole, Id<Order>));
        written::<Derived>(dice, pairs, &["d:", ":", ":", ":", ""])
    },
    |dice, pairs| {
        type Chrono = (NaiveDate, NaiveTime, NaiveDateTime, chrono::Weekday, chrono::Month);
        written::<Chrono>(dice, pairs, &["c:", ":", ":", ":", ":", ""])
    },
    |dice, pairs| {
        type Time = (time::Date, time::Time, PrimitiveDateTime, time::Weekday, time::Month);
        written::<Time>(dice, pairs, &["t:", ":", ":", ":", ":", ""])
    },
    |dice, pairs| {
        type Moments = (DateTime<FixedOffset>, SystemTime, OffsetDateTime, UtcDateTime);
        written::<Moments>(dice, pairs, &["m:", ":", ":", ":", ""])
    },
    |dice, pairs| {
        type Moments = (Option<DateTime<Utc>>, TimeDelta, Vec<time::Duration>);
        written::<Moments>(dice, pairs, &["m:", "/", ":", ""])
    },
];

/// Checks a template by its literals, in a namespace that holds what a key's structure does.
fn written<A: Args>(dice: &mut Dice, pairs: u64, literals: &[&str]) -> Result<(), String> {
    static CACHE: LazyLock<CacheFence> = LazyLock::new(|| {
        CacheFence::builder()
            .in_memory()
            .namespace("{a}:b")
            .build_lazy()
            .expect("no option is wrong")
    });
    let first = format!("{}{}", read::NAMESPACE, literals[0]);
    let prefixed: Vec<&str> = [&*first].into_iter().chain(literals[1..].iter().copied()).collect();
    check::<A, ()>(dice, pairs, &prefixed, |args| {
        let mut key = KeyWriter::new("of a test");
        args.write(literals, &mut key);
        Call::new(CACHE.clone(), key).into_entry()
    })
}
