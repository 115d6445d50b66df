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
    let (mut rest, mut nil) = (Rest(bytes), false);
    // How many values are left where this reads, and how many on each level around that.
    let (mut left, mut around, mut level) = (1, [0; DEEPEST], 0_usize);
    loop {
        while left == 0 {
            let Some(outer) = level.checked_sub(1) else {
                return if rest.0.is_empty() { Ok(nil) } else { Err(Malformed::Trailing) };
            };
            level = outer;
            left = around.get(level).copied().unwrap_or_default();
        }
        left -= 1;
        let values = match rest.skip_marker()? {
            Marked::Nil => {
                nil = true;
                continue;
            }
            Marked::Bytes(bytes) => {
                rest.skip(bytes)?;
                continue;
            }
            Marked::Values(values) => values,
        };
        *around.get_mut(level).ok_or(Malformed::TooDeep)? = left;
        (left, level) = (values, level + 1);
    }
}

/// What a marker and the length behind it say of what follows.
enum Marked {
    Nil,
    Bytes(u64),
    Values(u64),
}

/// The bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip_marker(&mut self) -> Result<Marked, Malformed> {
        let marker = u8::from_be_bytes(self.take()?);
        Ok(match marker {
            0x00..=0x7f | 0xc2 | 0xc3 | 0xe0..=0xff => Marked::Bytes(0),
            0xa0..=0xbf => Marked::Bytes((marker & 0x1f).into()),
            0x80..=0x8f => Marked::Values(2 * u64::from(marker & 0x0f)),
            0x90..=0x9f => Marked::Values((marker & 0x0f).into()),
            0xc0 => Marked::Nil,
            0xc1 => return Err(Malformed::NoMarker),
            0xcc | 0xd0 => Marked::Bytes(1),
            0xcd | 0xd1 | 0xd4 => Marked::Bytes(2),
            0xd5 => Marked::Bytes(3),
            0xca | 0xce | 0xd2 => Marked::Bytes(4),
            0xd6 => Marked::Bytes(5),
            0xcb | 0xcf | 0xd3 => Marked::Bytes(8),
            0xd7 => Marked::Bytes(9),
            0xd8 => Marked::Bytes(17),
            0xc4 | 0xd9 => Marked::Bytes(self.length_8()?),
            0xc5 | 0xda => Marked::Bytes(self.length_16()?),
            0xc6 | 0xdb => Marked::Bytes(self.length_32()?),
            // An extension has a byte more, its type.
            0xc7 => Marked::Bytes(self.length_8()? + 1),
            0xc8 => Marked::Bytes(self.length_16()? + 1),
            0xc9 => Marked::Bytes(self.length_32()? + 1),
            0xdc => Marked::Values(self.length_16()?),
            0xdd => Marked::Values(self.length_32()?),
            0xde => Marked::Values(2 * self.length_16()?),
            0xdf => Marked::Values(2 * self.length_32()?),
        })
    }

    fn length_8(&mut self) -> Result<u64, Malformed> {
        Ok(u8::from_be_bytes(self.take()?).into())
    }

    fn length_16(&mut self) -> Result<u64, Malformed> {
        Ok(u16::from_be_bytes(self.take()?).into())
    }

    fn length_32(&mut self) -> Result<u64, Malformed> {
        Ok(u32::from_be_bytes(self.take()?).into())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Malformed> {
        let rest = usize::try_from(bytes).ok().and_then(|bytes| self.0.get(bytes..));
        self.0 = rest.ok_or(Malformed::Truncated)?;
        Ok(())
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
