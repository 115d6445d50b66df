//! The bound of a memory store: what an entry counts, and how much room the tables are given.
//!
//! # Bytes
//!
//! A store holds its entries (a key, a record, and a place among the expiries each), and the tables of `quick_cache`, which
//! have a slot for each entry and for each *ghost*, a key that was dropped of late. The tables grow by doubling and never
//! shrink: once a store has held many small entries, it has their slots for good. So the tables have a share of the bound of
//! their own, and the number of entries is such that the tables cannot outgrow it. The rest is for the entries, and each
//! counts at least its part of the rest. So the bound holds whatever is stored, and in whichever order.

use std::sync::Arc;

use quick_cache::Weighter;

use super::record::{HEADER, Record};

/// What an entry takes beside its key and its payload: the header of the record, the counters of key and record (16 and 24
/// bytes), its place in a B-tree that may be half full (64), and what the allocator adds to three allocations (16 each).
pub(super) const ENTRY: usize = HEADER + 16 + 24 + 64 + 48;

/// What one slot of the tables takes: of the slab, and of a hash table of five bytes a bucket that is at least 7/16 full.
pub(super) const SLOT: u64 = 64 + 12;

/// The tables have at most this part of the bound.
const TABLES: u64 = 4;

/// The slab has this many slots at least. Their number doubles.
const FEWEST_SLOTS: u64 = 4;

/// A shard is not smaller than this, because a value has to fit into one.
const SMALLEST_SHARD: u64 = 16 << 20;

/// `quick_cache` keeps no entry that weighs more than what it holds of hot ones, in per cent of a shard.
const HOT: u64 = 97;

/// The bound of a store.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// How much the entries may weigh together.
    pub(super) capacity: u64,
    /// How many entries there will be, at the most; there are up to half as many ghosts.
    pub(super) entries: usize,
    /// Into how many shards the store is divided, a power of two.
    pub(super) shards: usize,
    pub(super) weigh: Weigh,
    /// The most bytes that the key and the payload of one entry may have together.
    pub(super) largest: Option<usize>,
}

/// How much an entry counts against the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weigh {
    /// One.
    Entries,
    /// What it takes, and at least this.
    Bytes(u64),
}

impl Bound {
    /// Up to `entries` entries.
    pub(super) fn entries(entries: usize) -> Self {
        let (capacity, shards) = (entries as u64, most_shards());
        Self { capacity, entries, shards, weigh: Weigh::Entries, largest: None }
    }

    /// Up to `bytes` bytes, tables included.
    pub(super) fn bytes(bytes: u64) -> Self {
        let most = usize::try_from(bytes / SMALLEST_SHARD).unwrap_or(usize::MAX);
        let shards = power_of_two_up_to(most.min(most_shards()) as u64);
        let shard = bytes / shards;
        let slots = power_of_two_up_to(shard / TABLES / SLOT).max(FEWEST_SLOTS);
        let room = shard.saturating_sub(slots * SLOT).max(1);
        let entries = slots * 2 / 3;
        // What `quick_cache` holds of hot entries, less what is not key or payload.
        let largest = (u128::from(room) * u128::from(HOT) / 100).saturating_sub(ENTRY as u128);
        Self {
            capacity: room.saturating_mul(shards),
            entries: usize::try_from(entries * shards).unwrap_or(usize::MAX),
            shards: usize::try_from(shards).unwrap_or(1),
            weigh: Weigh::Bytes(room.div_ceil(entries)),
            largest: usize::try_from(largest).ok(),
        }
    }
}

impl Weighter<Arc<str>, Record> for Weigh {
    fn weight(&self, key: &Arc<str>, record: &Record) -> u64 {
        match *self {
            Self::Entries => 1,
            Self::Bytes(least) => least.max((key.len() + record.len() + ENTRY) as u64),
        }
    }
}

/// Enough shards for threads to be seldom in each other's way.
fn most_shards() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    4 * cores
}

fn power_of_two_up_to(number: u64) -> u64 {
    1 << number.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn tables_and_entries_together_are_within_the_bound() {
        for bytes in [1_000, 10_000, MIB, 16 * MIB, 33 * MIB, 64 * MIB, 1 << 40] {
            let bound = Bound::bytes(bytes);
            let tables = bound.entries as u64 * 3 / 2 * SLOT;
            assert!(bound.capacity + tables <= bytes, "{bytes}: {bound:?}");
            assert!(bound.capacity >= bytes * 6 / 10, "{bytes}: {bound:?}");
        }
    }

    #[test]
    fn no_shard_is_smaller_than_sixteen_mebibytes_unless_there_is_one() {
        for bytes in [1, MIB, 31 * MIB, 48 * MIB, 200 * MIB, 1 << 40] {
            let bound = Bound::bytes(bytes);
            let shards = bound.shards as u64;
            assert!(shards == 1 || bytes / shards >= SMALLEST_SHARD, "{bytes}: {bound:?}");
            assert!(shards.is_power_of_two());
        }
    }

    #[test]
    fn a_bound_that_holds_nothing_says_so() {
        assert_eq!(Bound::bytes(1).largest, Some(0));
    }
}
