//! How text is written into a key, byte by byte.

use std::ops::Range;

/// Appends `text`, every byte outside `[A-Za-z0-9_.@-]` as `%XX`.
pub(super) fn escape_into(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut copied = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if !is_plain(byte) {
            push_plain(text, copied..at, out);
            out.push('%');
            push_hex(byte, b"0123456789ABCDEF", out);
            copied = at + 1;
        }
    }
    push_plain(text, copied..text.len(), out);
}

/// Appends a run of plain bytes. A run that is not empty begins and ends between characters; an empty
/// run may stand in the middle of a character.
fn push_plain(text: &str, run: Range<usize>, out: &mut String) {
    out.push_str(text.get(run).unwrap_or_default());
}

fn is_plain(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

/// Which bytes stand for themselves: a table, because this is asked of every byte of every part.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        plain[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'-');
        byte += 1;
    }
    plain
};

/// Appends the two digits of `byte`.
pub(super) fn push_hex(byte: u8, digits: &[u8; 16], out: &mut String) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}
