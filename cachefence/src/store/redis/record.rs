//! An entry as bytes: a header of 28 bytes, then the payload.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | `CF1` and a zero: the format and its version |
//! | 4..12 | the key's fingerprint |
//! | 12..20 | delta, in microseconds |
//! | 20..28 | expiry, in microseconds of the server's clock |
//!
//! Numbers are big-endian. Delta and expiry together are the entry's [`Version`]: two writes of
//! one key in the same microsecond, by recomputes that took the same time to the microsecond, are
//! the one case that it does not tell apart, and the cost is one rebuild more.

use std::time::Duration;

use bytes::Bytes;

use crate::key::Key;
use crate::store::{NewValue, Timestamp, Version};

pub(crate) const HEADER: usize = 28;
const FORMAT: [u8; 4] = *b"CF1\0";

/// A decoded entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) delta: Duration,
    pub(crate) expiry: Timestamp,
    pub(crate) version: Version,
    pub(crate) payload: Bytes,
}

impl Record {
    /// Reads an entry of `key`; `None` if the bytes are not one, whatever they are.
    pub(crate) fn decode(key: &Key, bytes: &Bytes) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let version = header.strip_prefix(&prefix(key))?;
        let version = u128::from_be_bytes(version.try_into().ok()?);
        // The halves of the version are the two numbers.
        let [delta, expiry] = [version >> 64, version & u128::from(u64::MAX)]
            .map(|half| u64::try_from(half).unwrap_or(u64::MAX));
        Some(Self {
            delta: Duration::from_micros(delta),
            expiry: Timestamp::from_micros(expiry),
            version: Version(version),
            payload: bytes.slice(HEADER..),
        })
    }
}

/// What every entry of `key` begins with.
pub(crate) fn prefix(key: &Key) -> [u8; 12] {
    let mut prefix = [0; 12];
    prefix[..4].copy_from_slice(&FORMAT);
    prefix[4..].copy_from_slice(&key.fingerprint().to_be_bytes());
    prefix
}

/// Writes `value` as an entry of `key` that is written at `now`.
pub(crate) fn encode(key: &Key, value: &NewValue, now: Timestamp) -> Vec<u8> {
    let delta = u64::try_from(value.delta.as_micros()).unwrap_or(u64::MAX);
    let expiry = now.after(value.ttl).as_micros();
    let mut bytes = Vec::with_capacity(HEADER + value.payload.len());
    bytes.extend_from_slice(&prefix(key));
    bytes.extend_from_slice(&delta.to_be_bytes());
    bytes.extend_from_slice(&expiry.to_be_bytes());
    bytes.extend_from_slice(&value.payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("", name.to_owned(), None).0
    }

    fn value() -> NewValue {
        NewValue {
            payload: Bytes::from_static(b"{\"id\":42}"),
            delta: Duration::from_millis(50),
            ttl: Duration::from_secs(60),
        }
    }

    #[test]
    fn an_entry_round_trips() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let bytes = encode(&key("user:42"), &value(), now);
        let record = Record::decode(&key("user:42"), &bytes.into()).unwrap();
        assert_eq!(record.payload, value().payload);
        assert_eq!(record.delta, value().delta);
        assert_eq!(record.expiry, now.after(value().ttl));
    }

    #[test]
    fn the_layout_is_as_documented() {
        let bytes = encode(&key("user:42"), &value(), Timestamp::from_micros(1));
        assert_eq!(&bytes[..4], b"CF1\0");
        assert_eq!(bytes[4..12], key("user:42").fingerprint().to_be_bytes());
        assert_eq!(bytes[12..20], 50_000_u64.to_be_bytes());
        assert_eq!(bytes[20..28], 60_000_001_u64.to_be_bytes());
        assert_eq!(&bytes[28..], b"{\"id\":42}");
    }

    #[test]
    fn other_bytes_are_no_entry() {
        let good = encode(&key("user:42"), &value(), Timestamp::from_micros(1));
        assert!(Record::decode(&key("user:43"), &good.clone().into()).is_none(), "another key's");
        for cut in 0..HEADER {
            assert!(Record::decode(&key("user:42"), &good[..cut].to_vec().into()).is_none());
        }
        let mut other_format = good;
        other_format[2] = b'2';
        assert!(Record::decode(&key("user:42"), &other_format.into()).is_none());
    }

    #[test]
    fn the_last_moment_does_not_overflow() {
        let forever = NewValue { ttl: Duration::MAX, delta: Duration::MAX, ..value() };
        let bytes = encode(&key("k"), &forever, Timestamp::from_micros(u64::MAX - 1));
        let record = Record::decode(&key("k"), &bytes.into()).unwrap();
        assert_eq!(record.expiry.as_micros(), u64::MAX);
    }
}
