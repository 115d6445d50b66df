//! What a key's entry, its lease and its hedge are called in the store.
//!
//! All three names begin with the namespace, so that one ACL pattern (`~app:*`) covers them, and all
//! three lie in one Redis Cluster slot, so that one script may touch them.
//!
//! | | name | for the key `user:7` | for the key `{org:1}:user:7` |
//! |---|---|---|---|
//! | entry | prefix, text | `app:user:7` | `app:{org:1}:user:7` |
//! | lease | prefix, `~lock:`, slot | `app:~lock:{app:user:7}` | `app:~lock:{org:1}:app:{org:1}:user:7` |
//! | hedge | prefix, `~hedge:`, slot | `app:~hedge:{app:user:7}` | `app:~hedge:{org:1}:app:{org:1}:user:7` |
//!
//! Any text is a key. A text that would be the name of a lease or a hedge is marked by `{~}` in front of
//! it. So is a text that holds a `}` but no hash tag, because no name made of it could be a hash tag. A
//! text that begins with the mark is marked once more, so that taking one mark off gives each text back.

/// The mark of a key's text that cannot stand as it is: the hash tag `~`.
const MARK: &str = "{~}";

/// What the name of a lease begins with, after the namespace.
pub(super) const LEASE: &str = "~lock:";

/// What the name of a hedge begins with, after the namespace.
pub(super) const HEDGE: &str = "~hedge:";

/// Marks `name`, whose first `prefix` bytes are a namespace, if its text cannot stand as it is.
#[inline]
pub(super) fn mark(prefix: usize, name: &mut String) {
    // Nearly all keys hold no brace and begin with something else, and nothing more is asked of them.
    if name.as_bytes().get(prefix) == Some(&b'~') || may_hold_braces(name) {
        mark_if_needed(prefix, name);
    }
}

fn mark_if_needed(prefix: usize, name: &mut String) {
    let text = name.get(prefix..).unwrap_or_default();
    let is_marked = [LEASE, HEDGE, MARK].iter().any(|mark| text.starts_with(mark))
        || (name.contains('}') && hash_tag(name).is_none());
    if is_marked {
        name.insert_str(prefix, MARK);
    }
}

/// The name of a slot of the entry `name`; `kind` is [`LEASE`] or [`HEDGE`].
pub(super) fn slot(kind: &str, prefix: &str, name: &str) -> String {
    match hash_tag(name) {
        Some(tag) => format!("{prefix}{kind}{{{tag}}}:{name}"),
        None => format!("{prefix}{kind}{{{name}}}"),
    }
}

/// The hash tag by the rule of the Redis Cluster specification: what stands between the first `{`
/// and the first `}` after it, unless that is nothing.
pub(crate) fn hash_tag(name: &str) -> Option<&str> {
    let (_, after) = name.split_once('{')?;
    let (tag, _) = after.split_once('}')?;
    (!tag.is_empty()).then_some(tag)
}

/// Whether there may be a `{` or a `}` in `name`. A `|`, a `~` or a DEL may be taken for one.
fn may_hold_braces(name: &str) -> bool {
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    const FROM_BRACE: u64 = u64::from_ne_bytes([0x80 - b'{'; 8]);
    // Eight bytes at a time: the sum carries each byte from `{` on into its highest bit.
    let (words, rest) = name.as_bytes().as_chunks();
    let may = words.iter().fold(0, |may, word| {
        let word = u64::from_ne_bytes(*word);
        may | (((word & !HIGHEST) + FROM_BRACE) & !word)
    });
    may & HIGHEST != 0 || rest.iter().any(|byte| matches!(byte, b'{'..=b'}'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::super::Key;
    use super::*;

    /// The slot of a name by the Redis Cluster specification, appendix A: CRC16 (XMODEM) of the hash tag,
    /// or of the whole.
    fn slot(name: &str) -> u16 {
        let hashed = hash_tag(name).unwrap_or(name);
        let crc = hashed.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            })
        });
        crc % 16_384
    }

    /// Texts of any length, made of characters that have a meaning in a name.
    fn texts() -> impl Iterator<Item = String> {
        const PIECES: [&str; 14] =
            ["{", "}", "{}", "~", MARK, LEASE, HEDGE, ":", "a", "b", "{a}", "lock", "app:", "ß"];
        let mut rng = StdRng::seed_from_u64(1);
        (0..20_000).map(move |round| {
            let pieces = rng.random_range(1..6);
            let mut text: String =
                (0..pieces).map(|_| PIECES[rng.random_range(0..PIECES.len())]).collect();
            if round % 8 == 0 {
                // Lengths around that of the longest name that is stored whole.
                let (length, at) = (rng.random_range(490..530), rng.random_range(0..2));
                text.insert_str(at * text.len(), &"x".repeat(length));
            }
            text
        })
    }

    #[test]
    fn the_slot_is_the_one_of_the_specification() {
        assert_eq!(slot("123456789"), 0x31c3); // the specification's own example
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
    }

    #[test]
    fn entry_lease_and_hedge_share_a_slot_and_begin_with_the_namespace() {
        for prefix in ["", "app:", "%7Ba%7D:"] {
            for text in texts() {
                let (key, valid) = Key::given(prefix, &text);
                assert_eq!(valid, Ok(()), "any text is a key: {text}");
                for name in [key.lease_name(), key.hedge_name()] {
                    assert_eq!(slot(&name), slot(key.as_str()), "{text}: {name}");
                    assert!(name.starts_with(prefix), "{text}: {name}");
                }
                assert!(key.as_str().starts_with(prefix), "{text}: {key:?}");
            }
        }
    }

    #[test]
    fn no_two_keys_share_a_name_of_any_kind() {
        for prefix in ["", "app:"] {
            let mut owners = HashMap::new();
            for text in texts() {
                let key = Key::given(prefix, &text).0;
                let names = [
                    ("entry", key.as_str().to_owned()),
                    ("lease", key.lease_name()),
                    ("hedge", key.hedge_name()),
                ];
                for (kind, name) in names {
                    let owner = owners.entry(name).or_insert((kind, text.clone()));
                    assert_eq!((owner.0, &*owner.1), (kind, &*text));
                }
            }
        }
    }

    #[test]
    fn a_key_and_the_same_in_braces_have_locks_of_their_own() {
        let name = |text| Key::given("app:", text).0.lease_name();
        assert_eq!(name("x"), "app:~lock:{app:x}");
        assert_eq!(name("{x}"), "app:~lock:{x}:app:{x}");
    }

    #[test]
    fn only_what_cannot_stand_as_it_is_is_marked() {
        let name = |text| Key::given("app:", text).0.as_str().to_owned();
        for text in ["user:42", "{a}:lock", "half{open", "}{a}", "~", "x~lock:", "lock"] {
            assert_eq!(name(text), format!("app:{text}"));
        }
        for text in ["{}", "search:}", "{}{a}", "~lock:{x}", "~hedge:", "{~}", "{~}x"] {
            assert_eq!(name(text), format!("app:{{~}}{text}"));
        }
    }

    #[test]
    fn no_brace_is_overlooked() {
        for length in 1..20 {
            for at in 0..length {
                for brace in ['{', '}'] {
                    for other in ["a", "z", "\u{7f}", "ß"] {
                        let name = format!("{}{brace}{}", other.repeat(at), other.repeat(length));
                        assert!(may_hold_braces(&name), "{name}");
                    }
                }
            }
            for other in ["a", "z", ":", "%", "ß", "\u{1f980}"] {
                assert!(!may_hold_braces(&other.repeat(length)), "{other}");
            }
        }
    }
}
