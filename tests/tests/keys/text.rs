//! Strings that look like parts of keys.

use crate::dice::Dice;

/// Every reserved character, its neighbours, the characters of `%3A` and `lock`, and some of each
/// length in UTF-8.
pub(crate) const CHARS: &[char] = &[
    'l',
    'o',
    'c',
    'k',
    'L',
    'a',
    'A',
    'C',
    'F',
    '0',
    '2',
    '3',
    '5',
    '6',
    '7',
    '8',
    '9',
    '_',
    '.',
    '@',
    '-',
    '%',
    '%',
    '~',
    '~',
    '(',
    ')',
    ',',
    ':',
    ':',
    '/',
    '|',
    '{',
    '}',
    '<',
    '>',
    ' ',
    '+',
    '*',
    '\\',
    '"',
    '\'',
    '`',
    '[',
    ']',
    '^',
    '\0',
    '\n',
    '\t',
    '\u{1b}',
    '\u{7f}',
    '\u{80}',
    'é',
    'É',
    'ß',
    '\u{301}',
    '漢',
    '\u{feff}',
    '\u{fffd}',
    '🦀',
    '\u{10ffff}',
];

/// What parts and structure are written as.
const WORDS: &[&str] = &[
    "", "~", "~~", "()", "(,)", "(~,)", "(,,)", "%", "%25", "%%", "lock", ":lock", "ock", "ck",
    "k", "%6Cock", "%6cock", "%6Fck", "%3A", "%3a", "%2", "None", "null", "true", "1", "01", "+1",
    "-1", "{}", "}:", "{a}:lock", "{~}", "~lock:", "~hedge:", "a,b", "a,", "),(", "%C3%A9",
];

pub(crate) fn roll(dice: &mut Dice) -> String {
    if dice.one_in(3) {
        return dice.pick(WORDS).to_owned();
    }
    let len = dice.index(7);
    (0..len).map(|_| dice.pick(CHARS)).collect()
}

/// Changes `text` into one that could be mistaken for it.
pub(crate) fn nudge(text: &mut String, dice: &mut Dice) {
    let at = boundary(text, dice);
    let here = text[at..].chars().next();
    match (dice.index(10), here) {
        (0, _) => text.insert(at, dice.pick(CHARS)),
        (1, Some(_)) => _ = text.remove(at),
        (2, Some(_)) => {
            text.remove(at);
            text.insert(at, dice.pick(CHARS));
        }
        (3, Some(char)) => {
            text.remove(at);
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes().rev() {
                text.insert_str(at, &format!("%{byte:02X}"));
            }
        }
        (4, Some(char)) if char.is_ascii_alphabetic() => {
            let other = (char as u8 ^ 0x20) as char;
            text.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
        }
        (5, _) => decode_once(text),
        (6, _) => *text = format!("({text},)"),
        (7, _) => text.insert(0, '~'),
        (8, _) => text.push_str(dice.pick(WORDS)),
        _ => *text = roll(dice),
    }
}

/// Moves the border between two texts that are written one after the other.
pub(crate) fn shift(left: &mut String, right: &mut String, dice: &mut Dice) {
    match dice.index(5) {
        0 => {
            let tail = left.split_off(boundary(left, dice));
            right.insert_str(0, &tail);
        }
        1 => {
            let tail = right.split_off(boundary(right, dice));
            left.push_str(right);
            *right = tail;
        }
        2 => {
            left.push_str(dice.pick(&[":", ",", "/", "}:", "|", "),("]));
            left.push_str(right);
            right.clear();
        }
        3 => {
            right.insert_str(0, dice.pick(&[":", ",", "/", "}:", "|", "),("]));
            right.insert_str(0, left);
            left.clear();
        }
        _ => std::mem::swap(left, right),
    }
}

/// Replaces the first escape sequence by what it stands for.
fn decode_once(text: &mut String) {
    let Some(at) = text.find('%') else { return };
    let digits = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if let Some(byte) = digits.filter(u8::is_ascii) {
        text.replace_range(at..at + 3, char::from(byte).encode_utf8(&mut [0; 4]));
    }
}

/// A place between two characters, or at an end.
fn boundary(text: &str, dice: &mut Dice) -> usize {
    let at = dice.index(text.len() + 1);
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
