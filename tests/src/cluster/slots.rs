//! The slots of a cluster, and who has them by the account of a node.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key, by the Redis Cluster specification, appendix A: CRC16 (XMODEM) of the hash tag, or of the whole.
pub fn slot_of(key: impl AsRef<[u8]>) -> u16 {
    let crc = hashed(key.as_ref()).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

/// A key in this slot, the same in each call.
///
/// # Panics
///
/// When there is no such slot.
pub fn key_in(slot: u16) -> &'static str {
    static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut keys = vec![String::new(); usize::from(SLOTS)];
        let mut left = keys.len();
        for key in (0_u32..).map(|n| n.to_string()) {
            let place = &mut keys[usize::from(slot_of(&key))];
            if place.is_empty() {
                *place = key;
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        keys
    });
    &KEYS[usize::from(slot)]
}

/// The hash tag: the text between the first `{` and the first `}` after it, unless it is empty; otherwise the whole key.
fn hashed(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let after = &key[open + 1..];
    let length = after.iter().position(|byte| *byte == b'}').unwrap_or(0);
    if length == 0 { key } else { &after[..length] }
}

/// A node, as another one or itself tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The id of its primary, if it is a replica.
    pub(super) primary: Option<String>,
    /// The ranges of its slots.
    pub(super) slots: Vec<RangeInclusive<u16>>,
    /// Whether it is known, and not taken for failing.
    pub(super) is_well: bool,
}

impl Told {
    pub(super) fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|range| range.contains(&slot))
    }
}

/// Reads the answer to `CLUSTER NODES`: what is told of each node, by its id.
pub(super) fn parse(nodes: &str) -> BTreeMap<String, Told> {
    nodes.lines().filter_map(parse_line).collect()
}

/// `<id> <address> <flags> <primary> <ping> <pong> <epoch> <link> <slots> ..`
fn parse_line(line: &str) -> Option<(String, Told)> {
    let mut words = line.split_whitespace();
    let (id, _, flags, primary) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_well =
        !flags.split(',').any(|flag| ["fail", "fail?", "handshake", "noaddr"].contains(&flag));
    let primary = (primary != "-").then(|| primary.to_owned());
    // A slot that moves stands in brackets, besides the range that it is in.
    let slots = words.skip(4).filter(|range| !range.starts_with('[')).filter_map(parse_range);
    Some((id.to_owned(), Told { primary, slots: slots.collect(), is_well }))
}

fn parse_range(range: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_is_that_of_the_hash_tag_or_of_the_whole() {
        assert_eq!(slot_of("123456789"), 0x31c3); // the specification's own example
        assert_eq!(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
        assert_eq!(slot_of("foo{{bar}}zap"), slot_of("{bar"));
        assert_eq!(slot_of("foo{bar}{zap}"), slot_of("bar"));
        assert_ne!(slot_of("foo{}{bar}"), slot_of("bar"));
    }

    #[test]
    fn each_slot_has_a_key() {
        assert!((0..SLOTS).all(|slot| slot_of(key_in(slot)) == slot));
    }

    #[test]
    fn nodes_are_read() {
        let nodes = parse(
            "a1 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-2 7 [9->-b2]\n\
             b2 127.0.0.1:7001@17001,host slave,fail? a1 0 0 1 connected\n",
        );
        let (first, second) = (&nodes["a1"], &nodes["b2"]);
        assert_eq!(first.slots, [0..=2, 7..=7]);
        assert!(first.is_well && first.primary.is_none() && first.has(7) && !first.has(9));
        assert!(!second.is_well && second.primary.as_deref() == Some("a1"));
    }
}
