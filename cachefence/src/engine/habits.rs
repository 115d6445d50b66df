//! What is remembered of a few keys that have had several readers at a time.

/// How such a key is read best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Its entry is there, and small: reads of it may go side by side.
    Cheap,
    /// So many share a read of it that it is worth waiting for company.
    Crowded,
}

/// What a read found out about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// The entry is there, and small.
    Cheap,
    /// It is large, or has to be made first.
    Dear,
    /// The store is in trouble.
    Trouble,
    /// Nothing.
    Unknown,
}

/// So many make a key crowded when they wait for one read; it stays so for half as many.
const CROWD: usize = 16;

/// Remembered keys.
const KEYS: usize = 16;

/// By the low bits of their hashes, which go with them: a later key takes the place of an earlier.
#[derive(Default)]
pub(super) struct Habits([Option<(u64, Habit)>; KEYS]);

impl Habits {
    pub(super) fn of(&self, key: u64) -> Option<Habit> {
        self.0[place(key)].filter(|(of, _)| *of == key).map(|(_, habit)| habit)
    }

    /// Takes in how many wait for one read.
    pub(super) fn note(&mut self, key: u64, waiting: usize) {
        let is_crowded = self.of(key) == Some(Habit::Crowded);
        if waiting >= if is_crowded { CROWD / 2 } else { CROWD } {
            self.0[place(key)] = Some((key, Habit::Crowded));
        } else if is_crowded {
            self.0[place(key)] = None;
        }
    }

    /// Takes in what a read has found that was not the only one.
    pub(super) fn learn(&mut self, key: u64, cost: Cost) {
        match (cost, self.of(key)) {
            (Cost::Cheap, None) => self.0[place(key)] = Some((key, Habit::Cheap)),
            (Cost::Dear | Cost::Trouble, Some(Habit::Cheap)) => self.0[place(key)] = None,
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
    fn many_make_a_crowd_and_half_of_them_keep_it() {
        let mut habits = Habits::default();
        habits.note(1, CROWD - 1);
        assert_eq!(habits.of(1), None);
        habits.note(1, CROWD);
        assert_eq!(habits.of(1), Some(Habit::Crowded));
        assert_eq!(habits.of(2), None, "another key");
        habits.note(1, CROWD / 2);
        assert_eq!(habits.of(1), Some(Habit::Crowded));
        habits.note(1, CROWD / 2 - 1);
        assert_eq!(habits.of(1), None);
    }

    #[test]
    fn a_key_is_cheap_until_a_read_says_otherwise() {
        for dear in [Cost::Dear, Cost::Trouble] {
            let mut habits = Habits::default();
            habits.learn(1, Cost::Cheap);
            assert_eq!(habits.of(1), Some(Habit::Cheap));
            habits.learn(1, Cost::Unknown);
            assert_eq!(habits.of(1), Some(Habit::Cheap));
            habits.learn(1, dear);
            assert_eq!(habits.of(1), None);
            habits.learn(1, dear);
            assert_eq!(habits.of(1), None);
        }
    }

    #[test]
    fn a_crowd_goes_before_the_cost() {
        let mut habits = Habits::default();
        habits.learn(1, Cost::Cheap);
        habits.note(1, CROWD);
        for cost in [Cost::Cheap, Cost::Dear, Cost::Trouble] {
            habits.learn(1, cost);
            assert_eq!(habits.of(1), Some(Habit::Crowded));
        }
    }

    #[test]
    fn neighbours_do_not_take_each_others_place() {
        let mut habits = Habits::default();
        for key in 0..KEYS as u64 {
            habits.learn(key, Cost::Cheap);
        }
        assert!((0..KEYS as u64).all(|key| habits.of(key) == Some(Habit::Cheap)));
    }

    #[test]
    fn a_later_key_takes_the_place_of_an_earlier() {
        let mut habits = Habits::default();
        let (first, second) = (1, 1 + KEYS as u64);
        habits.learn(first, Cost::Cheap);
        habits.learn(second, Cost::Cheap);
        assert_eq!((habits.of(first), habits.of(second)), (None, Some(Habit::Cheap)));
    }
}
