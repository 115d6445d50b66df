//! What holds for the bytes of a Redis entry, whatever they are.
//!
//! An input is a key's name, a zero, and what is found under it. The layout is written down here
//! once more, from the documentation of `record.rs`, so that the two can disagree.

use std::time::Duration;

use bytes::Bytes;
use cachefence::__private::testing::{Decoded, decode_entry, encode_entry, key};
use cachefence::{Key, NewValue, Snapshot, Timestamp, Version};

const HEADER: usize = 44;
const FORMAT: &[u8] = b"CF1\0";

/// When everything is read; a decoder only hands it on.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// Checks everything that can be said of `input`; says what it is: `entry`, `stray` or `foreign`.
///
/// # Panics
///
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> &'static str {
    let (name, record) = match input.iter().position(|byte| *byte == 0) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let name = String::from_utf8_lossy(name);
    let kind = check_decode(&key(&name), record);
    check_own(&key(&name), record);
    check_encode(&name, record);
    kind
}

/// Decodes `record` and compares every field with what stands in the bytes.
fn check_decode(key: &Key, record: &[u8]) -> &'static str {
    let bytes = Bytes::copy_from_slice(record);
    let foreign = record.len() < HEADER || !record.starts_with(FORMAT);
    match decode_entry(key, &bytes, NOW) {
        Decoded::Foreign => {
            assert!(foreign, "an entry is taken for something else");
            "foreign"
        }
        Decoded::Stray => {
            assert!(!foreign, "something else is taken for an entry");
            assert_ne!(number(record, 4), key.fingerprint(), "an entry of this key");
            "stray"
        }
        Decoded::Entry(entry) => {
            assert!(!foreign, "something else is taken for an entry");
            assert_eq!(number(record, 4), key.fingerprint(), "an entry of another key");
            let retry_at = Some(number(record, 36)).filter(|micros| *micros > 0);
            assert_eq!(entry.version, Version(number(record, 12)));
            assert_eq!(entry.delta, Duration::from_micros(number(record, 20)));
            assert_eq!(entry.expiry, Timestamp::from_micros(number(record, 28)));
            assert_eq!(entry.retry_at, retry_at.map(Timestamp::from_micros));
            assert_eq!(entry.payload, record[HEADER..]);
            assert_eq!(entry.now, NOW);
            "entry"
        }
    }
}

/// Does the same with what chance would not find: the key's own fingerprint, then the format too.
fn check_own(key: &Key, record: &[u8]) {
    let mut own = record.to_vec();
    let fingerprint = key.fingerprint().to_be_bytes();
    overwrite(&mut own, 4, &fingerprint);
    check_decode(key, &own);
    overwrite(&mut own, 0, FORMAT);
    let kind = check_decode(key, &own);
    assert_eq!(kind, if own.len() < HEADER { "foreign" } else { "entry" });
}

/// Encodes values that are made of the record's bytes, and reads them back.
fn check_encode(name: &str, record: &[u8]) {
    let mut bytes = record.to_vec();
    bytes.resize(HEADER.max(bytes.len()), 0);
    let [version, delta, ttl, now] = [12, 20, 28, 36].map(|at| number(&bytes, at));
    let payload = Bytes::from(bytes.split_off(HEADER));
    let now = Timestamp::from_micros(now);
    // Seconds instead of microseconds are what does not fit the header.
    for unit in [Duration::from_micros, Duration::from_secs] {
        let payload = payload.clone();
        let value = NewValue { payload, delta: unit(delta), ttl: unit(ttl), stale: Duration::ZERO };
        let written = encode_entry(&key(name), version, &value, now);
        let entry = read_back(name, &written);
        assert_eq!(entry.version, Version(version));
        assert_eq!(entry.delta, value.delta.min(Duration::from_micros(u64::MAX)));
        assert_eq!(entry.expiry, now.after(value.ttl));
        assert_eq!(entry.retry_at, None);
        assert_eq!(entry.payload, value.payload);
    }
}

/// Decodes what was encoded for the key `name`, and sees that it is nothing else.
fn read_back(name: &str, written: &[u8]) -> Snapshot {
    assert_eq!(check_decode(&key(&format!("{name}'")), written), "stray");
    let key = key(name);
    for cut in 0..HEADER {
        assert_eq!(check_decode(&key, &written[..cut]), "foreign", "{cut} bytes");
    }
    match decode_entry(&key, &Bytes::copy_from_slice(written), NOW) {
        Decoded::Entry(entry) => entry,
        other => panic!("what was written is {other:?}"),
    }
}

/// Puts `part` at `at`, as much of it as there is room for.
fn overwrite(bytes: &mut [u8], at: usize, part: &[u8]) {
    for (byte, part) in bytes.iter_mut().skip(at).zip(part) {
        *byte = *part;
    }
}

/// The number at `at`, big-endian.
fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
