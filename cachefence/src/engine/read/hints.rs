//! Hints: how a key that several callers read at a time is read best.
//!
//! Several reads of a small entry are served sooner side by side than one after another, while a hot
//! key is read best once for a whole crowd. Which is better for a key shows only when a read of it is
//! over, so each shard of the slots remembers this for a few keys. A hint may be wrong or forgotten:
//! it changes how many reads are sent, but never what a caller may be given.

/// How a key is read best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// The entry is there, and small: reads of it may go side by side.
    Small,
    /// Many callers share a read of the key, so a reader joins the next read even if no read is under
    /// way.
    Hot,
}

/// What a read shows of the way to read its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadResult {
    /// The entry is there, and small.
    Small,
    /// The entry is large, or has to be loaded first.
    Large,
    /// The store cannot be read.
    Unavailable,
    /// The read was dropped before its end.
    Unknown,
}

/// How many callers have to wait for one read to make its key hot. The key stays hot while at least
/// half as many wait.
const CROWD: usize = 16;

/// How many keys one shard remembers.
const KEYS: usize = 16;

/// The hints of one shard. A key's place is given by the low bits of its hash, and the whole hash is
/// kept with the hint. A later key takes the place of an earlier one.
#[derive(Default)]
pub(super) struct Hints([Option<(u64, Hint)>; KEYS]);

impl Hints {
    pub(super) fn of(&self, key: u64) -> Option<Hint> {
        self.0[place(key)].filter(|(of, _)| *of == key).map(|(_, hint)| hint)
    }

    /// Learns how many callers waited for one read.
    pub(super) fn shared(&mut self, key: u64, waiting: usize) {
        let is_hot = self.of(key) == Some(Hint::Hot);
        if waiting >= if is_hot { CROWD / 2 } else { CROWD } {
            self.0[place(key)] = Some((key, Hint::Hot));
        } else if is_hot {
            self.0[place(key)] = None;
        }
    }

    /// Learns the result of a read that had others beside it, or waiting for it.
    pub(super) fn learn(&mut self, key: u64, result: ReadResult) {
        match (result, self.of(key)) {
            (ReadResult::Small, None) => self.0[place(key)] = Some((key, Hint::Small)),
            (ReadResult::Large | ReadResult::Unavailable, Some(Hint::Small)) => {
                self.0[place(key)] = None;
            }
            _ => {}
        }
    }
}

fn place(key: u64) -> usize {
    #[allow(clippy::cast_possible_truncation)] // any bits will do
    let place = key as usize % KEYS;
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_readers_make_a_key_hot_and_half_of_them_keep_it_so() {
        let mut hints = Hints::default();
        hints.shared(1, CROWD - 1);
        assert_eq!(hints.of(1), None);
        hints.shared(1, CROWD);
        assert_eq!(hints.of(1), Some(Hint::Hot));
        assert_eq!(hints.of(2), None, "another key");
        hints.shared(1, CROWD / 2);
        assert_eq!(hints.of(1), Some(Hint::Hot));
        hints.shared(1, CROWD / 2 - 1);
        assert_eq!(hints.of(1), None);
    }

    #[test]
    fn a_key_is_small_until_a_read_says_otherwise() {
        for other in [ReadResult::Large, ReadResult::Unavailable] {
            let mut hints = Hints::default();
            hints.learn(1, ReadResult::Small);
            assert_eq!(hints.of(1), Some(Hint::Small));
            hints.learn(1, ReadResult::Unknown);
            assert_eq!(hints.of(1), Some(Hint::Small));
            hints.learn(1, other);
            assert_eq!(hints.of(1), None);
            hints.learn(1, other);
            assert_eq!(hints.of(1), None);
        }
    }

    #[test]
    fn a_hot_key_stays_hot_whatever_its_reads_find() {
        let mut hints = Hints::default();
        hints.learn(1, ReadResult::Small);
        hints.shared(1, CROWD);
        for result in [ReadResult::Small, ReadResult::Large, ReadResult::Unavailable] {
            hints.learn(1, result);
            assert_eq!(hints.of(1), Some(Hint::Hot));
        }
    }

    #[test]
    fn neighbours_do_not_take_each_others_place() {
        let mut hints = Hints::default();
        for key in 0..KEYS as u64 {
            hints.learn(key, ReadResult::Small);
        }
        assert!((0..KEYS as u64).all(|key| hints.of(key) == Some(Hint::Small)));
    }

    #[test]
    fn a_later_key_takes_the_place_of_an_earlier() {
        let mut hints = Hints::default();
        let (first, second) = (1, 1 + KEYS as u64);
        hints.learn(first, ReadResult::Small);
        hints.learn(second, ReadResult::Small);
        assert_eq!((hints.of(first), hints.of(second)), (None, Some(Hint::Small)));
    }
}
