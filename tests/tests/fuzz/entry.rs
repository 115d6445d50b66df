//! What holds for the bytes of a Redis entry, whatever they are.
//!
//! An input is a key's name, a zero, and what is found under it. The layout is written down here
//! once more, from the documentation of `record.rs`, so that the two can disagree.

use std::time::Duration;

use bytes::Bytes;
use cachefence::store::{Key, Kind, NewValue, Revision, Snapshot, Timestamp};
use cachefence::testing::{Decoded, decode_entry, encode_entry, key};

const HEADER: usize = 64;

/// The format, and the codec `json`.
const FORMAT: &[u8] = b"CF2\0\x49\xc6\x45\xdc";

/// When everything is read.
const NOW: u64 = 1_700_000_000_000_000;

/// Checks everything that can be said of `input`; says what it is: `entry`, `mark`, `stray` or `foreign`.
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
    let kind = check_decode(&key(&name), record, NOW);
    check_own(&key(&name), record);
    check_encode(&name, record);
    kind
}

/// Decodes `record` and compares every field with what stands in the bytes.
fn check_decode(key: &Key, record: &[u8], now: u64) -> &'static str {
    let bytes = Bytes::copy_from_slice(record);
    let expected = expect(key, record, now);
    let kind = match decode_entry(key, &bytes, Timestamp::from_micros(now)) {
        Decoded::Foreign => "foreign",
        Decoded::Stray => "stray",
        Decoded::Entry(entry) => {
            let retry_at = Some(number(record, 52)).filter(|micros| *micros > 0);
            assert_eq!(entry.revision, Revision(number(record, 20)));
            assert_eq!(entry.delta, Duration::from_micros(number(record, 28)));
            assert_eq!(entry.expiry, Timestamp::from_micros(number(record, 36)));
            assert_eq!(entry.life, Duration::from_micros(number(record, 44)));
            assert_eq!(entry.retry_at, retry_at.map(Timestamp::from_micros));
            assert_eq!(entry.payload, record[HEADER + tags(record)..]);
            assert_eq!(entry.now, Timestamp::from_micros(now));
            if entry.kind == Kind::Value { "entry" } else { "mark" }
        }
    };
    assert_eq!(kind, expected);
    kind
}

/// What `record` is by the documentation.
fn expect(key: &Key, record: &[u8], now: u64) -> &'static str {
    if record.len() < HEADER || !record.starts_with(FORMAT) {
        return "foreign";
    }
    if record[8..20] != identity(key) {
        return "stray";
    }
    let is_further_away = number(record, 36) > later(later(now, number(record, 44)), 1_000_000);
    if record.len() < HEADER + tags(record) || is_further_away {
        return "foreign";
    }
    match record[60..62] {
        [0, 0] => "entry",
        [1, 0] => "mark",
        _ => "foreign",
    }
}

/// The key's fingerprint, and its length.
fn identity(key: &Key) -> [u8; 12] {
    let length = u32::try_from(key.as_str().len()).expect("a name is short");
    let mut identity = [0; 12];
    identity[..8].copy_from_slice(&key.fingerprint().to_be_bytes());
    identity[8..].copy_from_slice(&length.to_be_bytes());
    identity
}

/// Does the same with what chance would not find: the key's own identity, then the format too.
fn check_own(key: &Key, record: &[u8]) {
    let mut own = record.to_vec();
    overwrite(&mut own, 8, &identity(key));
    check_decode(key, &own, NOW);
    overwrite(&mut own, 0, FORMAT);
    check_decode(key, &own, NOW);
    // With no tags, a known kind and at the end of time, nothing is left that it could be.
    overwrite(&mut own, 60, &[0; 4]);
    let kind = check_decode(key, &own, u64::MAX);
    assert_eq!(kind, if own.len() < HEADER { "foreign" } else { "entry" });
}

/// Encodes values that are made of the record's bytes, and reads them back.
fn check_encode(name: &str, record: &[u8]) {
    let mut bytes = record.to_vec();
    bytes.resize(HEADER.max(bytes.len()), 0);
    let [revision, delta, now, ttl] = [20, 28, 36, 44].map(|at| number(&bytes, at));
    let payload = Bytes::from(bytes.split_off(HEADER));
    // Seconds instead of microseconds are what does not fit the header.
    for unit in [Duration::from_micros, Duration::from_secs] {
        let value = value(payload.clone(), unit(delta), unit(ttl));
        let written =
            encode_entry(&key(name), Revision(revision), &value, Timestamp::from_micros(now));
        let entry = read_back(name, &written, now);
        let fits = Duration::from_micros(u64::MAX);
        assert_eq!(entry.revision, Revision(revision));
        assert_eq!(entry.delta, value.delta.min(fits));
        assert_eq!(entry.life, value.ttl.min(fits));
        assert_eq!(entry.expiry, Timestamp::from_micros(now).after(value.ttl));
        assert_eq!((entry.kind, entry.retry_at), (Kind::Value, None));
        assert_eq!(entry.payload, value.payload);
    }
}

fn value(payload: Bytes, delta: Duration, ttl: Duration) -> NewValue {
    NewValue::new(payload, ttl).delta(delta)
}

/// Decodes what was encoded for the key `name`, and sees that it is nothing else.
fn read_back(name: &str, written: &[u8], now: u64) -> Snapshot {
    assert_eq!(check_decode(&key(&format!("{name}'")), written, now), "stray");
    let key = key(name);
    for cut in 0..HEADER {
        assert_eq!(check_decode(&key, &written[..cut], now), "foreign", "{cut} bytes");
    }
    match decode_entry(&key, &Bytes::copy_from_slice(written), Timestamp::from_micros(now)) {
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

/// How long the tags are.
fn tags(record: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([record[62], record[63]]))
}

fn later(moment: u64, by: u64) -> u64 {
    moment.saturating_add(by)
}
