//! Inputs that are nearly one of the corpus.

use crate::dice::Dice;

/// Longer inputs show nothing that these do not.
const LONGEST: usize = 1024;

/// An input of the corpus after a few changes; `tokens` are what has a meaning in it.
pub(crate) fn mutated(dice: &mut Dice, corpus: &[Vec<u8>], tokens: &[&[u8]]) -> Vec<u8> {
    let mut bytes = corpus[dice.index(corpus.len())].clone();
    for _ in 0..=dice.index(6) {
        change(dice, &mut bytes, corpus, tokens);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(dice: &mut Dice, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], tokens: &[&[u8]]) {
    let at = dice.index(bytes.len() + 1);
    let end = at + dice.index(bytes.len() - at + 1);
    match dice.index(8) {
        // Flip a bit.
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.index(8);
            }
        }
        // Set a byte to any value, or to one at a limit.
        1 => {
            let any = dice.bits().to_be_bytes()[0];
            let value = dice.pick(&[any, any, 0, 0x7f, 0x80, 0xff]);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        // Insert what has a meaning, or write it over what was there.
        2 | 3 => {
            let token = dice.pick(tokens);
            let room = if dice.one_in(2) { at } else { bytes.len().min(at + token.len()) };
            bytes.splice(at..room, token.iter().copied());
        }
        4 => bytes.truncate(at),
        5 => _ = bytes.drain(at..end),
        // Repeat a part.
        6 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        // Go on as another input does.
        _ => {
            let other = &corpus[dice.index(corpus.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.index(other.len() + 1)..]);
        }
    }
}
