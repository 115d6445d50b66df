//! How text is written into a key, byte by byte.

/// Appends `text`, every byte outside `[A-Za-z0-9_.@-]` as `%XX`.
pub(super) fn escape_into(text: &str, out: &mut String) {
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'@' | b'-' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                push_hex(byte, b"0123456789ABCDEF", out);
            }
        }
    }
}

/// Appends the two digits of `byte`.
pub(super) fn push_hex(byte: u8, digits: &[u8; 16], out: &mut String) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}
