//! Long keys: a name of bounded length for a key of any length.
//!
//! A name of more than [`MAX_WHOLE_KEY_BYTES`] is cut there, and the SHA-256 of the whole takes the place
//! of the rest: `user:aaaa..aaaa~sha256:9f86d0..`. Two keys that share such a name would be a collision of
//! SHA-256, of which none is known. Of such a shortened name three things hold:
//!
//! - *It is no other key's own name*, because all shortened names are longer than any that is not
//!   shortened, which no choice of characters in a key can undo.
//! - *It is no slot's name.* It begins as the whole name does, or with a hash tag. The name of a lease or a
//!   hedge begins with neither.
//! - *It stays in its Redis Cluster slot.* A hash tag that would be cut off is put in front of the text,
//!   after the namespace. A tag that has no room at all is itself shortened in the same way, whatever
//!   surrounds it: all keys that hold it are long, so they still share a slot. A name without a tag holds
//!   no `}` and gets none, and the names of its lease and its hedge are made of the shortened name.

use hmac_sha256::Hash;

use super::escape::push_hex;
use super::names::hash_tag;

/// The longest key, in bytes, namespace included, that is stored under its own name. A longer key is stored
/// under its first 512 bytes and the SHA-256 of the whole, 584 bytes in all.
///
/// ```
/// use cachefence::{CacheFence, MAX_WHOLE_KEY_BYTES};
///
/// let url = "x".repeat(MAX_WHOLE_KEY_BYTES + 1);
/// let entry = CacheFence::in_memory().entry::<String>(&url);
/// assert_ne!(entry.key(), url);
/// assert_eq!(entry.key().len(), 584);
/// ```
///
/// Redis would take names of 512 MiB, but it holds each in memory beside its value, and every
/// command sends it. 512 bytes leave room for nearly all that is worth reading in `redis-cli`, a
/// URL for instance, and bound what a name costs by what a small value does.
pub const MAX_WHOLE_KEY_BYTES: usize = 512;

/// How many bytes of a namespace stand in front of every name that is made from a key. The rest of a longer
/// namespace stands only where the whole name does.
pub(super) const LONGEST_PREFIX: usize = 256;

/// What stands between the readable part and the digest.
const MARK: &str = "~sha256:";

/// How long [`MARK`] and the digest are together.
const DIGEST: usize = MARK.len() + 64;

/// The name that `name`, which is longer than [`MAX_WHOLE_KEY_BYTES`], is stored under; its first `prefix`
/// bytes are a namespace.
pub(super) fn shorten(prefix: usize, name: &str) -> String {
    let mut short = String::with_capacity(MAX_WHOLE_KEY_BYTES + DIGEST);
    let mut rest = name;
    if let Some(tag) = hash_tag(name)
        && hash_tag(cut(name, MAX_WHOLE_KEY_BYTES)).is_none()
    {
        short.push_str(cut(name, prefix.min(LONGEST_PREFIX)));
        push_tag(tag, &mut short);
        rest = name.get(prefix..).unwrap_or_default();
    }
    short.push_str(cut(rest, MAX_WHOLE_KEY_BYTES.saturating_sub(short.len())));
    push_digest(name, &mut short);
    short
}

fn push_tag(tag: &str, short: &mut String) {
    let room = (MAX_WHOLE_KEY_BYTES - "{}".len()).saturating_sub(short.len());
    short.push('{');
    if tag.len() <= room {
        short.push_str(tag);
    } else {
        short.push_str(cut(tag, room.saturating_sub(DIGEST)));
        push_digest(tag, short);
    }
    short.push('}');
}

fn push_digest(text: &str, short: &mut String) {
    short.push_str(MARK);
    for byte in Hash::hash(text.as_bytes()) {
        push_hex(byte, b"0123456789abcdef", short);
    }
}

/// The beginning of `text`: at most `bytes` of it, and whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256() {
        let mut digest = String::new();
        push_digest("abc", &mut digest); // the first test vector of FIPS 180-2
        assert_eq!(
            digest,
            "~sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_beginning_stays_readable() {
        let name = format!("user:{}", "a".repeat(600));
        let short = shorten(0, &name);
        assert!(short.starts_with(&name[..MAX_WHOLE_KEY_BYTES]), "{short}");
        assert!(short[MAX_WHOLE_KEY_BYTES..].starts_with(MARK), "{short}");
    }

    #[test]
    fn every_length_is_longer_than_a_whole_key() {
        let fill = |text: &str| text.repeat(1000);
        let names = [
            fill("a"),
            fill("\u{1f980}"),
            format!("a{}", fill("\u{1f980}")),
            format!("ab{}", fill("\u{1f980}")),
            format!("{{{}}}", fill("a")),
            format!("{{{}}}", fill("ß")),
            format!("{}{{a}}", fill("a")),
            format!("{}{{ßa}}", fill("ß")),
            format!("{}{{{}}}", fill("a"), fill("ß")),
            format!("{{{}}}x", "a".repeat(510)),
            format!("{{{}}}", "a".repeat(511)),
        ];
        for name in names {
            for prefix in [0, 1, 200, 300, 1000] {
                let name = format!("{}{name}", "n".repeat(prefix));
                let length = shorten(prefix, &name).len();
                let within = MAX_WHOLE_KEY_BYTES + 1..=MAX_WHOLE_KEY_BYTES + DIGEST;
                assert!(within.contains(&length), "{length}: {name}");
            }
        }
    }

    #[test]
    fn a_tag_that_fits_keeps_its_slot_wherever_it_stands() {
        let long = "x".repeat(600);
        for tag in ["a", "{a", &"t".repeat(510)] {
            for name in [
                format!("{{{tag}}}{long}"),
                format!("{long}{{{tag}}}"),
                format!("}}{long}{{{tag}}}:{{x}}"),
            ] {
                assert_eq!(hash_tag(&shorten(0, &name)), Some(tag), "{name}");
            }
        }
    }

    #[test]
    fn keys_of_one_long_tag_share_a_slot() {
        let tag = "t".repeat(511);
        let short = |name: String| shorten(0, &name);
        let (a, b) = (short(format!("{{{tag}}}")), short(format!("{}{{{tag}}}b", "x".repeat(900))));
        assert_eq!(hash_tag(&a), hash_tag(&b));
        assert_ne!(a, b);
        let other = short(format!("{{{tag}u}}"));
        assert_ne!(hash_tag(&a), hash_tag(&other));
    }
}
