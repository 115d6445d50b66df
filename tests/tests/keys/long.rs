//! Keys around the longest that is stored under its own name, and beyond.

use cachefence::{CacheFence, MAX_WHOLE_KEY_BYTES};

use crate::dice::Dice;
use crate::read;

/// Names that differ in one place, anywhere in them.
fn near_misses(dice: &mut Dice) -> [String; 2] {
    let length = dice.pick(&[500, 511, 512, 513, 520, 584, 900]) - dice.index(4);
    let mut name: String = (0..length).map(|_| dice.pick(&['a', 'b', ':', '~'])).collect();
    if dice.one_in(2) {
        // A hash tag, of any length and anywhere: some are cut off, some have no room at all.
        let (a, b) = (dice.index(length), dice.index(length));
        name.insert(a.max(b), '}');
        name.insert(a.min(b), '{');
        if a == b {
            name.insert(a + 1, 't');
        }
    }
    let mut other = name.clone();
    let places: Vec<usize> = name.match_indices(['a', 'b']).map(|(at, _)| at).collect();
    let at = dice.pick(&places);
    match dice.index(3) {
        0 => other.replace_range(at..=at, if &name[at..=at] == "a" { "b" } else { "a" }),
        1 => other.insert(at, 'c'),
        _ => _ = other.remove(at),
    }
    [name, other]
}

#[test]
fn long_keys_stay_apart_and_in_their_slots() {
    let cache = CacheFence::in_memory();
    let stored = |name: &str| cache.entry::<()>(name).key().to_owned();
    let mut dice = Dice::new(1);
    let mut shortened = 0;
    for _ in 0..5_000 {
        let names = near_misses(&mut dice);
        let keys = [stored(&names[0]), stored(&names[1])];
        assert_ne!(keys[0], keys[1], "{names:?}");
        assert!(!read::locks_of(&keys[1]).contains(&keys[0]), "{names:?}");
        for (name, key) in names.iter().zip(&keys) {
            assert!(!read::is_lock(key), "{name}");
            for lock in read::locks_of(key) {
                assert_eq!(read::slot(key), read::slot(&lock), "{name}");
            }
            if key.len() <= MAX_WHOLE_KEY_BYTES {
                assert_eq!(read::unmarked(key), *name);
                continue;
            }
            shortened += 1;
            assert!(key.len() <= MAX_WHOLE_KEY_BYTES + 72, "{name}");
            assert_ne!(stored(key), *key, "no key has this name of its own: {name}");
            if let Some(tag) = read::tag(name).filter(|tag| tag.len() + 2 <= MAX_WHOLE_KEY_BYTES) {
                assert_eq!(read::tag(key), Some(tag), "{name}");
            }
        }
    }
    assert!(shortened > 1_000, "{shortened}");
}
