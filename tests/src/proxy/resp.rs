//! Where one message of Redis's protocol ends and the next begins.

use std::mem;

/// Takes off the message that `bytes` begin with, if all of it is there.
pub(crate) fn take_message(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let rest = bytes.split_off(message(bytes)?);
    Some(mem::replace(bytes, rest))
}

/// How long the message is that `bytes` begin with, in both versions of the protocol; `None` if its end is not there.
fn message(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    // A length of -1 is nil, which is its line alone.
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<usize>().ok();
    match bytes[0] {
        b'$' | b'=' | b'!' => {
            let end = count().map_or(line, |length| line + length + 2);
            (end <= bytes.len()).then_some(end)
        }
        b'*' | b'~' | b'>' => messages(bytes, line, count().unwrap_or(0)),
        b'%' | b'|' => messages(bytes, line, count().unwrap_or(0) * 2),
        _ => Some(line),
    }
}

/// Where `count` messages end, the first of which begins at `start`.
fn messages(bytes: &[u8], start: usize, count: usize) -> Option<usize> {
    (0..count).try_fold(start, |at, _| Some(at + message(&bytes[at..])?))
}

/// The name of a command, in upper case: the first string of its array.
pub(super) fn name(command: &[u8]) -> String {
    let name = command.split(|byte| *byte == b'\n').nth(2).unwrap_or_default();
    String::from_utf8_lossy(name).trim_end().to_ascii_uppercase()
}

/// The words of a command, which is an array of strings.
pub(crate) fn words(command: &[u8]) -> Vec<Vec<u8>> {
    let line = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
    let mut rest = &command[line(command).unwrap_or(command.len())..];
    let mut words = Vec::new();
    while let (Some(start), Some(end)) = (line(rest), message(rest)) {
        words.push(rest[start..end - 2].to_vec());
        rest = &rest[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_the_next_begins() {
        for whole in [
            "+OK\r\n",
            "-LOADING wait\r\n",
            ":12\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\na\r\nb\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*3\r\n:0\r\n$-1\r\n*1\r\n$1\r\n5\r\n",
            "%1\r\n+a\r\n:1\r\n",
            "_\r\n",
        ] {
            let more = format!("{whole}+next\r\n");
            assert_eq!(message(more.as_bytes()), Some(whole.len()), "{whole:?}");
            for cut in 0..whole.len() {
                assert_eq!(message(&whole.as_bytes()[..cut]), None, "{cut} bytes of {whole:?}");
            }
        }
    }

    #[test]
    fn a_command_is_named_by_its_first_word() {
        assert_eq!(name(b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n"), "GET");
        assert_eq!(name(b"*1\r\n$4\r\nTIME\r\n"), "TIME");
    }

    #[test]
    fn the_words_of_a_command_may_be_any_bytes() {
        let command = b"*3\r\n$3\r\nSET\r\n$4\r\na\r\n\xff\r\n$0\r\n\r\n";
        assert_eq!(words(command), [&b"SET"[..], b"a\r\n\xff", b""]);
    }
}
