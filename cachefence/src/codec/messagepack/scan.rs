//! Reads through `MessagePack` without making anything of it.

use std::fmt::{self, Display};

use super::super::lost::DEEPEST;

/// What is wrong with bytes that are not one value. The texts begin as those of JSON do, or end in what was expected,
/// since an event tells no other part of a codec's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    TooDeep,
    Truncated,
    Trailing,
    NoMarker,
}

impl Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => write!(f, "nested too deep, expected at most {DEEPEST} levels"),
            Self::Truncated => f.write_str("EOF in the middle of a value"),
            Self::Trailing => f.write_str("trailing bytes after the value"),
            Self::NoMarker => f.write_str("invalid byte, expected a marker of MessagePack"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Whether the value that `bytes` hold is or contains a nil.
///
/// `bytes` that are not one whole value are refused, so whoever decodes them afterwards can rely on them: each
/// length that they tell is there, and nothing is nested deeper than [`DEEPEST`]. The decoder itself reserves
/// memory by such lengths, does not count the levels of enums, and leaves what follows a value.
pub(super) fn holds_nil(bytes: &[u8]) -> Result<bool, Malformed> {
    let mut scan = Scan { rest: bytes, nil: false };
    scan.value(DEEPEST)?;
    if scan.rest.is_empty() { Ok(scan.nil) } else { Err(Malformed::Trailing) }
}

struct Scan<'a> {
    rest: &'a [u8],
    nil: bool,
}

impl Scan<'_> {
    /// Reads one value, within which arrays and maps may be nested so many levels deep.
    fn value(&mut self, levels: usize) -> Result<(), Malformed> {
        let marker = self.number(1)?;
        // How many bytes follow the marker and its length, and how many values.
        let (bytes, values) = match marker {
            0x00..=0x7f | 0xc2 | 0xc3 | 0xe0..=0xff => return Ok(()),
            0xc0 => {
                self.nil = true;
                return Ok(());
            }
            0xc1 => return Err(Malformed::NoMarker),
            0xa0..=0xbf => (marker & 0x1f, 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 | 0xd4 => (2, 0),
            0xd5 => (3, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xd6 => (5, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xd7 => (9, 0),
            0xd8 => (17, 0),
            0xc4 | 0xd9 => (self.number(1)?, 0),
            0xc5 | 0xda => (self.number(2)?, 0),
            0xc6 | 0xdb => (self.number(4)?, 0),
            // An extension has a byte more, its type.
            0xc7..=0xc9 => (self.number(1 << (marker - 0xc7))? + 1, 0),
            0x90..=0x9f => (0, marker & 0x0f),
            0x80..=0x8f => (0, 2 * (marker & 0x0f)),
            0xdc => (0, self.number(2)?),
            0xdd => (0, self.number(4)?),
            0xde => (0, 2 * self.number(2)?),
            _ => (0, 2 * self.number(4)?),
        };
        if matches!(marker, 0x80..=0x9f | 0xdc..=0xdf) {
            let levels = levels.checked_sub(1).ok_or(Malformed::TooDeep)?;
            for _ in 0..values {
                self.value(levels)?;
            }
        }
        self.take(bytes).map(drop)
    }

    /// The next bytes, as a number.
    fn number(&mut self, bytes: u64) -> Result<u64, Malformed> {
        let bytes = self.take(bytes)?.iter();
        Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, bytes: u64) -> Result<&[u8], Malformed> {
        let bytes = usize::try_from(bytes).map_err(|_| Malformed::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_is_one_value() {
        let long = |begin: &[u8], bytes: usize| [begin, &vec![0xc1; bytes]].concat();
        let many = |begin: &[u8], values: usize| [begin, &vec![0x7f; values]].concat();
        let whole = [
            vec![0x00],
            vec![0xe0],
            vec![0xc3],
            long(&[0xa3], 3),
            long(&[0xbf], 31),
            long(&[0xc4, 200], 200),
            long(&[0xc5, 1, 0], 256),
            long(&[0xc6, 0, 1, 0, 0], 65_536),
            long(&[0xc7, 3], 4),
            long(&[0xc8, 1, 0], 257),
            long(&[0xc9, 0, 1, 0, 0], 65_537),
            long(&[0xca], 4),
            long(&[0xcb], 8),
            long(&[0xcc], 1),
            long(&[0xcd], 2),
            long(&[0xce], 4),
            long(&[0xcf], 8),
            long(&[0xd0], 1),
            long(&[0xd1], 2),
            long(&[0xd2], 4),
            long(&[0xd3], 8),
            long(&[0xd4], 2),
            long(&[0xd5], 3),
            long(&[0xd6], 5),
            long(&[0xd7], 9),
            long(&[0xd8], 17),
            long(&[0xd9, 40], 40),
            long(&[0xda, 1, 0], 256),
            long(&[0xdb, 0, 1, 0, 0], 65_536),
            many(&[0x92], 2),
            many(&[0x9f], 15),
            many(&[0x82], 4),
            many(&[0x8f], 30),
            many(&[0xdc, 1, 0], 256),
            many(&[0xdd, 0, 1, 0, 0], 65_536),
            many(&[0xde, 1, 0], 512),
            many(&[0xdf, 0, 1, 0, 0], 131_072),
            vec![0x90],
            vec![0x80],
        ];
        for bytes in whole {
            let first = bytes[0];
            assert_eq!(holds_nil(&bytes), Ok(false), "{first:#x}");
            let shorter = &bytes[..bytes.len() - 1];
            assert_eq!(holds_nil(shorter), Err(Malformed::Truncated), "{first:#x}");
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(holds_nil(&longer), Err(Malformed::Trailing), "{first:#x}");
        }
        assert_eq!(holds_nil(&[0xc1]), Err(Malformed::NoMarker));
    }

    #[test]
    fn a_nil_is_found_wherever_it_is_and_not_within_bytes() {
        assert_eq!(holds_nil(&[0xc0]), Ok(true));
        assert_eq!(holds_nil(&[0x92, 0x91, 0xc0, 0x01]), Ok(true));
        assert_eq!(holds_nil(&[0x81, 0xc0, 0x01]), Ok(true));
        assert_eq!(holds_nil(&[0x81, 0x01, 0xc0]), Ok(true));
        assert_eq!(holds_nil(&[0xc4, 1, 0xc0]), Ok(false));
        assert_eq!(holds_nil(&[0xa1, 0xc0]), Ok(false));
    }

    #[test]
    fn what_is_nested_deeper_than_can_be_decoded_is_refused() {
        let nested = |marker: &[u8], levels: usize| [&marker.repeat(levels), &[1][..]].concat();
        for marker in [&[0x91][..], &[0x81, 0x01], &[0xdc, 0, 1], &[0xdf, 0, 0, 0, 1, 0]] {
            assert_eq!(holds_nil(&nested(marker, DEEPEST)), Ok(false));
            assert_eq!(holds_nil(&nested(marker, DEEPEST + 1)), Err(Malformed::TooDeep));
            assert_eq!(holds_nil(&nested(marker, 1_000_000)), Err(Malformed::TooDeep));
        }
    }

    #[test]
    fn a_length_that_lies_is_an_error() {
        for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
            let bytes = [marker, 0xff, 0xff, 0xff, 0xff, 0, 0];
            assert_eq!(holds_nil(&bytes), Err(Malformed::Truncated), "{marker:#x}");
        }
    }
}
