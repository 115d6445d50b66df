//! An entry as bytes: a header of 64 bytes, then its tags, then the payload.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | `CF2` and a zero: the format and its version |
//! | 4..8 | the codec: the lower half of the xxh3 of its name |
//! | 8..16 | the key's fingerprint |
//! | 16..20 | how long the key's name is, in bytes |
//! | 20..28 | the revision: a number that every change of the entry draws anew |
//! | 28..36 | delta, in microseconds |
//! | 36..44 | expiry, in microseconds of the server's clock |
//! | 44..52 | life, in microseconds: how long it was valid when it was written |
//! | 52..60 | when the entry may be loaded again, as the expiry; zero unless a load failed |
//! | 60 | kind: 0 is a value, 1 the mark "not to be cached" |
//! | 61 | zero |
//! | 62..64 | how long the tags are, in bytes; none are written yet, and a reader skips them |
//!
//! Numbers are big-endian. The first 20 bytes are the same in every entry of a key, and the scripts know
//! an entry by them. `finish.lua` repeats the positions that it needs.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::codec::CodecId;
use crate::key::Key;
use crate::store::{Kind, NewValue, Revision, Snapshot, Timestamp};

pub(crate) const HEADER: usize = 64;

/// Where the revision stands, which is also the length of what all entries of a key begin with.
pub(crate) const REVISION_AT: usize = 20;

/// Where the retry-at stands: when the entry may be loaded again.
pub(crate) const RETRY_AT: usize = 52;

const FORMAT: [u8; 4] = *b"CF2\0";

const KIND: usize = 60;
const VALUE: u8 = 0;
const UNCACHEABLE: u8 = 1;

/// How much further away than its life an expiry may be, in microseconds: the server's clock is known to
/// a round trip.
const UNCERTAINTY: u64 = 1_000_000;

/// What the bytes under a key are.
pub(crate) enum Record {
    /// An entry of the key, as it is at the moment that was given.
    Entry(Snapshot),
    /// An entry of another key: this is not the reply to what was asked.
    Stray,
    /// Anything else, including an entry of another format or codec.
    Foreign,
}

impl Record {
    /// Reads what was found under `key`, whatever it is.
    pub(crate) fn decode(key: &Key, codec: CodecId, mut bytes: Bytes, now: Timestamp) -> Self {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Self::Foreign };
        if header[..4] != FORMAT || header[4..8] != codec.0.to_be_bytes() {
            return Self::Foreign;
        }
        if header[8..16] != key.fingerprint().to_be_bytes() || header[16..20] != length(key) {
            return Self::Stray;
        }
        let kind = match header[KIND..HEADER] {
            [VALUE, 0, ..] => Kind::Value,
            [UNCACHEABLE, 0, ..] => Kind::Uncacheable,
            _ => return Self::Foreign,
        };
        let tags = usize::from(u16::from_be_bytes([header[62], header[63]]));
        let revision = Revision(number::<REVISION_AT>(header));
        let delta = Duration::from_micros(number::<28>(header));
        let (expiry, life) = (number::<36>(header), number::<44>(header));
        let retry_at = Some(number::<RETRY_AT>(header)).filter(|at| *at > 0);
        let latest = now.as_micros().saturating_add(life).saturating_add(UNCERTAINTY);
        if bytes.len() - HEADER < tags || expiry > latest {
            return Self::Foreign;
        }
        // `advance` and not `slice`, which would allocate in order to count references.
        bytes.advance(HEADER + tags);
        Self::Entry(Snapshot {
            payload: bytes,
            kind,
            delta,
            expiry: Timestamp::from_micros(expiry),
            life: Duration::from_micros(life),
            retry_at: retry_at.map(Timestamp::from_micros),
            revision,
            now,
        })
    }
}

/// The revision in `bytes` that stand under a key, if they begin as the key's entries do.
pub(crate) fn revision_of(key: &Key, codec: CodecId, bytes: &[u8]) -> Option<Revision> {
    let header = bytes.first_chunk::<HEADER>().filter(|head| head.starts_with(&prefix(key, codec)));
    header.map(|header| Revision(number::<REVISION_AT>(header)))
}

/// Whether `bytes` begin with the header of a value of `key` that is valid `now`.
pub(crate) fn is_valid_value(key: &Key, codec: CodecId, bytes: &[u8], now: Timestamp) -> bool {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    let (expiry, life) = (number::<36>(header), number::<44>(header));
    let latest = now.as_micros().saturating_add(life).saturating_add(UNCERTAINTY);
    header.starts_with(&prefix(key, codec))
        && header[KIND] == VALUE
        && expiry > now.as_micros()
        && expiry <= latest
}

/// The number at `AT`.
fn number<const AT: usize>(header: &[u8; HEADER]) -> u64 {
    let bytes = header[AT..].first_chunk().copied();
    u64::from_be_bytes(bytes.unwrap_or_default()) // a header is long enough
}

fn length(key: &Key) -> [u8; 4] {
    u32::try_from(key.as_str().len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// What every entry of `key` begins with.
pub(crate) fn prefix(key: &Key, codec: CodecId) -> [u8; REVISION_AT] {
    let mut prefix = [0; REVISION_AT];
    prefix[..4].copy_from_slice(&FORMAT);
    prefix[4..8].copy_from_slice(&codec.0.to_be_bytes());
    prefix[8..16].copy_from_slice(&key.fingerprint().to_be_bytes());
    prefix[16..].copy_from_slice(&length(key));
    prefix
}

/// Writes `value` as an entry of `key` at `now`: a value, or the mark that there is none to be cached.
pub(crate) fn encode(
    key: &Key,
    codec: CodecId,
    revision: Revision,
    kind: Kind,
    value: &NewValue,
    now: Timestamp,
) -> Vec<u8> {
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX).to_be_bytes();
    let kind = match kind {
        Kind::Value => VALUE,
        Kind::Uncacheable => UNCACHEABLE,
    };
    let mut bytes = Vec::with_capacity(HEADER + value.payload.len());
    bytes.extend_from_slice(&prefix(key, codec));
    bytes.extend_from_slice(&revision.0.to_be_bytes());
    bytes.extend_from_slice(&micros(value.delta));
    bytes.extend_from_slice(&now.after(value.ttl).as_micros().to_be_bytes());
    bytes.extend_from_slice(&micros(value.ttl));
    bytes.extend_from_slice(&[0; KIND - RETRY_AT]);
    bytes.extend_from_slice(&[kind, 0, 0, 0]);
    bytes.extend_from_slice(&value.payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec as _, Json};

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn codec() -> CodecId {
        CodecId::of(Json.name())
    }

    fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    fn value() -> NewValue {
        NewValue {
            payload: Bytes::from_static(b"{\"id\":42}"),
            delta: Duration::from_millis(50),
            ttl: Duration::from_secs(60),
            stale: Duration::ZERO,
        }
    }

    fn encoded() -> Vec<u8> {
        encode(&key("user:42"), codec(), Revision(7), Kind::Value, &value(), NOW)
    }

    fn decode_at(now: Timestamp, bytes: impl Into<Bytes>) -> Option<Snapshot> {
        match Record::decode(&key("user:42"), codec(), bytes.into(), now) {
            Record::Entry(entry) => Some(entry),
            Record::Stray | Record::Foreign => None,
        }
    }

    #[test]
    fn an_entry_round_trips() {
        let entry = decode_at(NOW, encoded()).unwrap();
        assert_eq!((entry.payload, entry.kind), (value().payload, Kind::Value));
        assert_eq!((entry.delta, entry.life), (value().delta, value().ttl));
        assert_eq!(entry.expiry, NOW.after(value().ttl));
        assert_eq!((entry.revision, entry.retry_at), (Revision(7), None));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let key = key("user:42");
        let mut bytes = encoded();
        assert_eq!(&bytes[..4], b"CF2\0");
        assert_eq!(bytes[4..8], [0x49, 0xc6, 0x45, 0xdc], "the name `json`");
        assert_eq!(bytes[8..16], key.fingerprint().to_be_bytes());
        assert_eq!(bytes[16..20], 7_u32.to_be_bytes());
        assert_eq!(bytes[20..28], 7_u64.to_be_bytes());
        assert_eq!(bytes[28..36], 50_000_u64.to_be_bytes());
        assert_eq!(bytes[36..44], 1_700_000_060_000_000_u64.to_be_bytes());
        assert_eq!(bytes[44..52], 60_000_000_u64.to_be_bytes());
        assert_eq!(bytes[52..64], [0; 12]);
        assert_eq!(&bytes[64..], b"{\"id\":42}");
        bytes[RETRY_AT..KIND].copy_from_slice(&5_u64.to_be_bytes());
        assert_eq!(decode_at(NOW, bytes).unwrap().retry_at, Some(Timestamp::from_micros(5)));
    }

    #[test]
    fn other_bytes_are_no_entry() {
        let good = encoded();
        for cut in 0..HEADER {
            assert!(decode_at(NOW, good[..cut].to_vec()).is_none());
        }
        for (at, what) in [(2, "format"), (5, "codec"), (60, "kind"), (61, "zero")] {
            let mut other = good.clone();
            other[at] = 9;
            let read = Record::decode(&key("user:42"), codec(), other.into(), NOW);
            assert!(matches!(read, Record::Foreign), "another {what}");
        }
    }

    #[test]
    fn an_entry_of_another_key_is_told_apart() {
        let read = Record::decode(&key("user:43"), codec(), encoded().into(), NOW);
        assert!(matches!(read, Record::Stray));
        let mut longer = encoded();
        longer[19] = 8;
        let read = Record::decode(&key("user:42"), codec(), longer.into(), NOW);
        assert!(matches!(read, Record::Stray));
    }

    #[test]
    fn tags_are_skipped_and_none_may_be_longer_than_the_entry() {
        let mut tagged = encoded();
        tagged[63] = 3;
        assert_eq!(decode_at(NOW, tagged.clone()).unwrap().payload, value().payload[3..]);
        tagged[62] = 1;
        assert!(decode_at(NOW, tagged).is_none());
    }

    #[test]
    fn an_expiry_further_away_than_its_life_is_a_miss() {
        let back = |by| Timestamp::from_micros(NOW.as_micros() - by);
        assert!(decode_at(back(1_000_000), encoded()).is_some(), "the clocks may differ so far");
        assert!(decode_at(back(1_000_001), encoded()).is_none());
    }

    #[test]
    fn a_mark_holds_nothing_and_expires() {
        let second = Duration::from_secs(1);
        let mark = NewValue::new(Bytes::new(), second);
        let mark = encode(&key("user:42"), codec(), Revision(7), Kind::Uncacheable, &mark, NOW);
        let entry = decode_at(NOW, mark).unwrap();
        assert_eq!((entry.kind, entry.payload.len()), (Kind::Uncacheable, 0));
        assert_eq!((entry.expiry, entry.life), (NOW.after(second), second));
    }

    #[test]
    fn the_last_moment_does_not_overflow() {
        let forever = NewValue { ttl: Duration::MAX, delta: Duration::MAX, ..value() };
        let now = Timestamp::from_micros(u64::MAX - 1);
        let bytes = encode(&key("user:42"), codec(), Revision(7), Kind::Value, &forever, now);
        assert_eq!(decode_at(now, bytes).unwrap().expiry.as_micros(), u64::MAX);
    }
}
