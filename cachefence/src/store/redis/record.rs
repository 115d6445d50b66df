//! An entry as bytes: a header of 44 bytes, then the payload.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | `CF1` and a zero: the format and its version |
//! | 4..12 | the key's fingerprint |
//! | 12..20 | the version: a number that every change of the entry draws anew |
//! | 20..28 | delta, in microseconds |
//! | 28..36 | expiry, in microseconds of the server's clock |
//! | 36..44 | when the entry may be rebuilt again, likewise; zero unless a rebuild failed |
//!
//! Numbers are big-endian.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::key::Key;
use crate::store::{NewValue, Snapshot, Timestamp, Token, Version};

pub(crate) const HEADER: usize = 44;

/// Where the version stands, which is also how much tells that it is an entry of its key.
pub(crate) const VERSION_AT: usize = 12;

/// Where it stands when the entry may be rebuilt again.
pub(crate) const RETRY_AT: usize = 36;

const FORMAT: [u8; 4] = *b"CF1\0";

/// What a key's bytes are.
#[derive(Debug)]
pub(crate) enum Record {
    /// An entry, as it is at the moment that was given.
    Entry(Snapshot),
    /// An entry of another key: this is not the reply to what was asked.
    Stray,
    /// Anything else, an entry of another version among it.
    Foreign,
}

impl Record {
    /// Reads what was found under `key`, whatever it is.
    pub(crate) fn decode(key: &Key, mut bytes: Bytes, now: Timestamp) -> Self {
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Self::Foreign };
        if header[..4] != FORMAT {
            return Self::Foreign;
        }
        if number::<4>(header) != key.fingerprint() {
            return Self::Stray;
        }
        let (version, delta) = (number::<VERSION_AT>(header), number::<20>(header));
        let (expiry, retry_at) = (number::<28>(header), number::<RETRY_AT>(header));
        // Not `slice`, which counts references from then on, and allocates for that.
        bytes.advance(HEADER);
        Self::Entry(Snapshot {
            payload: bytes,
            delta: Duration::from_micros(delta),
            expiry: Timestamp::from_micros(expiry),
            retry_at: (retry_at > 0).then(|| Timestamp::from_micros(retry_at)),
            version: Version(version),
            now,
        })
    }
}

/// The number at `AT`.
fn number<const AT: usize>(header: &[u8; HEADER]) -> u64 {
    let bytes = header[AT..].first_chunk().copied();
    u64::from_be_bytes(bytes.unwrap_or_default()) // a header is long enough
}

/// What every entry of `key` begins with.
pub(crate) fn prefix(key: &Key) -> [u8; VERSION_AT] {
    let mut prefix = [0; VERSION_AT];
    prefix[..4].copy_from_slice(&FORMAT);
    prefix[4..].copy_from_slice(&key.fingerprint().to_be_bytes());
    prefix
}

/// The version of what the holder of `token` writes.
pub(crate) fn version(token: &Token) -> [u8; 8] {
    token.number().to_be_bytes()
}

/// Writes `value` as an entry of `key` that the holder of `token` writes at `now`.
pub(crate) fn encode(key: &Key, token: &Token, value: &NewValue, now: Timestamp) -> Vec<u8> {
    let delta = u64::try_from(value.delta.as_micros()).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(HEADER + value.payload.len());
    bytes.extend_from_slice(&prefix(key));
    bytes.extend_from_slice(&version(token));
    bytes.extend_from_slice(&delta.to_be_bytes());
    bytes.extend_from_slice(&now.after(value.ttl).as_micros().to_be_bytes());
    bytes.extend_from_slice(&[0; HEADER - RETRY_AT]);
    bytes.extend_from_slice(&value.payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    fn token() -> Token {
        Token::from(uuid::Uuid::from_u64_pair(7, 0))
    }

    fn value() -> NewValue {
        NewValue {
            payload: Bytes::from_static(b"{\"id\":42}"),
            delta: Duration::from_millis(50),
            ttl: Duration::from_secs(60),
            stale: Duration::ZERO,
        }
    }

    fn decode(name: &str, bytes: impl Into<Bytes>) -> Option<Snapshot> {
        match Record::decode(&key(name), bytes.into(), Timestamp::from_micros(0)) {
            Record::Entry(entry) => Some(entry),
            Record::Stray | Record::Foreign => None,
        }
    }

    #[test]
    fn an_entry_round_trips() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let entry = decode("user:42", encode(&key("user:42"), &token(), &value(), now)).unwrap();
        assert_eq!(entry.payload, value().payload);
        assert_eq!(entry.delta, value().delta);
        assert_eq!(entry.expiry, now.after(value().ttl));
        assert_eq!((entry.version, entry.retry_at), (Version(7), None));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let key = key("user:42");
        let mut bytes = encode(&key, &token(), &value(), Timestamp::from_micros(1));
        assert_eq!(&bytes[..4], b"CF1\0");
        assert_eq!(bytes[4..12], key.fingerprint().to_be_bytes());
        assert_eq!(bytes[12..20], 7_u64.to_be_bytes());
        assert_eq!(bytes[20..28], 50_000_u64.to_be_bytes());
        assert_eq!(bytes[28..36], 60_000_001_u64.to_be_bytes());
        assert_eq!(bytes[36..44], [0; 8]);
        assert_eq!(&bytes[44..], b"{\"id\":42}");
        bytes[RETRY_AT..HEADER].copy_from_slice(&5_u64.to_be_bytes());
        let retry_at = decode("user:42", bytes).unwrap().retry_at;
        assert_eq!(retry_at, Some(Timestamp::from_micros(5)));
    }

    #[test]
    fn other_bytes_are_no_entry() {
        let good = encode(&key("user:42"), &token(), &value(), Timestamp::from_micros(1));
        for cut in 0..HEADER {
            assert!(decode("user:42", good[..cut].to_vec()).is_none());
        }
        let mut other_format = good;
        other_format[2] = b'2';
        assert!(decode("user:42", other_format).is_none());
    }

    #[test]
    fn an_entry_of_another_key_is_told_apart() {
        let bytes = encode(&key("user:42"), &token(), &value(), Timestamp::from_micros(1)).into();
        let read = Record::decode(&key("user:43"), bytes, Timestamp::from_micros(0));
        assert!(matches!(read, Record::Stray));
    }

    #[test]
    fn the_last_moment_does_not_overflow() {
        let forever = NewValue { ttl: Duration::MAX, delta: Duration::MAX, ..value() };
        let now = Timestamp::from_micros(u64::MAX - 1);
        let entry = decode("k", encode(&key("k"), &token(), &forever, now)).unwrap();
        assert_eq!(entry.expiry.as_micros(), u64::MAX);
    }
}
