//! How types of a user's own and of other crates read in a key.

#![allow(dead_code, clippy::unused_async)] // most bodies are never run

use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use cachefence::{KeyPart, cachefence};
use chrono::{DateTime, FixedOffset, NaiveDate};

use crate::derived::{Id, Kind, Order, Range, Sku, Tree, Whole};

/// The part that stands for `value` in a key.
fn part(value: impl KeyPart) -> String {
    #[cachefence(key = "part:<value>", ttl = 60)]
    async fn cached<T: KeyPart>(value: T) -> u32 {
        let _ = value;
        0
    }

    cached_entry(value).key().strip_prefix("part:").expect("the template's").to_owned()
}

#[test]
fn a_newtype_reads_as_what_it_holds() {
    assert_eq!(part(Sku(Some("a-1".to_owned()))), "a-1");
    assert_eq!(part(Sku(None)), "~");
    assert_eq!(part(Id::<Order> { number: 42, of: PhantomData }), "42");
}

#[test]
fn a_struct_reads_as_a_tuple() {
    assert_eq!(part(Range(1, 9)), part((1, 9)));
    assert_eq!(part(Range(1, 9)), "(1,9,)");
    assert_eq!(part(Whole), "()");
}

#[test]
fn a_variant_reads_as_its_name_and_a_tuple() {
    assert_eq!(part(Kind::B1), "B1");
    assert_eq!(part(Kind::r#type), "type");
    assert_eq!(part(Some(Kind::None)), "None");
    assert_eq!(part(Tree::<u8>::Aa()), "Aa");
    assert_eq!(part(Tree::Aaa(7)), "Aaa(7,)");
    assert_eq!(part(Tree::B { left: 7, right: "a:b".to_owned() }), "B(7,a%3Ab,)");
    assert_eq!(part(Tree::E(vec![Tree::A, Tree::Aaa(7)])), "E((A,Aaa(7,),),)");
}

#[tokio::test]
async fn an_enum_and_an_optional_date_are_arguments() {
    #[cachefence(key = "report:<day>:<kind>", ttl = 60)]
    async fn report(day: Option<NaiveDate>, kind: Kind) -> String {
        format!("{day:?} {kind:?}")
    }

    let day = NaiveDate::from_ymd_opt(2024, 2, 29);
    for (day, kind, key) in [
        (day, Kind::A, "report:2024-02-29:A"),
        (day, Kind::Aa, "report:2024-02-29:Aa"),
        (None, Kind::A, "report:~:A"),
    ] {
        assert_eq!(report(day, kind).await, format!("{day:?} {kind:?}"));
        assert_eq!(report_entry(day, kind).key(), key);
    }
}

#[test]
fn a_moment_reads_the_same_in_every_type() {
    let at: DateTime<FixedOffset> = "2024-02-29T14:30:00.25+02:30".parse().expect("RFC 3339");
    let since_epoch = Duration::new(1_709_208_000, 250_000_000);
    let of_time = time::OffsetDateTime::UNIX_EPOCH + since_epoch;
    assert_eq!(part(at), "1709208000.250000000");
    assert_eq!(part(at.to_utc()), part(at));
    assert_eq!(part(of_time), part(at));
    assert_eq!(part(of_time.to_utc()), part(at));
    assert_eq!(part(SystemTime::UNIX_EPOCH + since_epoch), part(at));
}

mod elsewhere {
    //! Where nothing is called what the expansion names, and every lint counts.
    #![deny(warnings, clippy::pedantic, unused_qualifications)]
    #![allow(dead_code)]

    pub(super) mod my {
        pub(crate) use cachefence as fence;
    }

    pub(super) struct Option;
    pub(super) struct KeyPart;
    pub(super) struct PartWriter;

    pub(super) trait Text {
        fn text(&self, _: &str) {}
        fn write_part(&self, _: u8) {}
    }

    impl<T: ?Sized> Text for T {}

    #[derive(cachefence::KeyPart)]
    #[key_part(crate = my::fence)]
    #[deprecated]
    pub(super) enum Old {
        #[deprecated]
        Text,
        B {
            #[deprecated]
            __cachefence_part: u8,
            part: &'static str,
        },
    }

    #[derive(cachefence::KeyPart)]
    pub(super) enum Never {}

    #[derive(cachefence::KeyPart)]
    pub(super) struct Slice<T: ?Sized>(pub(super) Box<T>);
}

#[test]
#[allow(deprecated)]
fn names_around_a_type_change_nothing() {
    assert_eq!(part(elsewhere::Old::Text), "Text");
    assert_eq!(part(elsewhere::Old::B { __cachefence_part: 1, part: "a" }), "B(1,a,)");
    assert_eq!(part(elsewhere::Slice::<[u8]>(Box::new([1, 2]))), "(1,2,)");
    assert_eq!(part(None::<elsewhere::Never>), "~");
}
