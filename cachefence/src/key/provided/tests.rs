use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::key::{KeyPart, PartWriter};

pub(super) fn render(value: &(impl KeyPart + ?Sized)) -> String {
    let mut out = String::new();
    value.write_part(&mut PartWriter::new(&mut out));
    out
}

#[test]
fn plain_ids_read_as_they_are() {
    assert_eq!(render(&42_u64), "42");
    assert_eq!(render(&-7_i8), "-7");
    assert_eq!(render("ann.lee@example-site_1"), "ann.lee@example-site_1");
    assert_eq!(render(&true), "true");
    assert_eq!(render(&Some(3)), "3");
}

#[test]
fn a_uuid_reads_as_it_is() {
    let uuid = Uuid::from_u128(0x6BA7_B810_9DAD_11D1_80B4_00C0_4FD4_30C8);
    assert_eq!(render(&uuid), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
}

#[test]
fn everything_else_is_escaped() {
    assert_eq!(render("a:b"), "a%3Ab");
    assert_eq!(render("100%"), "100%25");
    assert_eq!(render("{x}"), "%7Bx%7D");
    assert_eq!(render("~(,)"), "%7E%28%2C%29");
    assert_eq!(render("ü"), "%C3%BC");
    assert_eq!(render(&'/'), "%2F");
}

#[test]
fn durations_are_seconds() {
    for (duration, text) in [
        (Duration::ZERO, "0"),
        (Duration::from_secs(90), "90"),
        (Duration::from_millis(250), "0.250000000"),
        (Duration::from_nanos(1), "0.000000001"),
        (Duration::MAX, "18446744073709551615.999999999"),
    ] {
        assert_eq!(render(&duration), text);
    }
}

#[test]
fn none_empty_and_lists_stay_distinct() {
    let empty: [&str; 0] = [];
    let texts = [
        render(&None::<&str>),
        render(&Some("")),
        render(&Some(None::<&str>)),
        render(&Some(Some(None::<&str>))),
        render(&Some("~")),
        render(&empty),
        render(&[""]),
        render(&["", ""]),
        render(&["a", "b"]),
        render(&["a,b"]),
        render(&(("a", "b"), "c")),
        render(&("a", ("b", "c"))),
        render(&[None::<&str>]),
        render(&Some(["~"])),
    ];
    for (i, a) in texts.iter().enumerate() {
        for b in &texts[i + 1..] {
            assert_ne!(a, b);
        }
    }
    assert_eq!(render(&[1, 2]), "(1,2,)");
    assert_eq!(render(&()), "()");
}

#[test]
fn a_moment_is_the_time_since_the_epoch() {
    let epoch = SystemTime::UNIX_EPOCH;
    assert_eq!(render(&epoch), "0");
    assert_eq!(render(&(epoch + Duration::new(1_700_000_000, 1))), "1700000000.000000001");
    assert_eq!(render(&(epoch - Duration::from_millis(1_500))), "-1.500000000");
    assert_eq!(render(&(epoch - Duration::from_millis(500))), "-0.500000000");
}

#[test]
fn addresses_and_pointers_read_as_what_they_are() {
    assert_eq!(render(&std::net::Ipv4Addr::LOCALHOST), "127.0.0.1");
    assert_eq!(render(&std::net::IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])), "%3A%3A1");
    assert_eq!(render(&std::num::NonZeroU64::MIN), "1");
    assert_eq!(render(&std::sync::Arc::<str>::from("a")), "a");
    assert_eq!(render(&std::borrow::Cow::Borrowed("a")), "a");
    assert_eq!(render(&[1_u8, 2]), "(1,2,)");
}
