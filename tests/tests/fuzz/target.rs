//! One fuzz target, run without a fuzzer.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use cachefence_tests::{DEADLINE, chosen_seed, is_long};

use crate::dice::Dice;
use crate::mutate::mutated;

const SHORT: Duration = Duration::from_millis(2_500);
const LONG: Duration = Duration::from_secs(60);

/// What is checked, and of which inputs.
pub(crate) struct Target {
    /// Its directory in the corpus.
    pub(crate) name: &'static str,
    /// Panics if something does not hold, and says which kind of input it was given.
    pub(crate) check: fn(&[u8]) -> &'static str,
    /// The kinds that there are.
    pub(crate) kinds: &'static [&'static str],
    /// Pieces that have a meaning in an input.
    pub(crate) tokens: &'static [&'static [u8]],
}

impl Target {
    /// Checks every input of the corpus, and that it is of the kind which its name begins with.
    pub(crate) fn replay(&self) {
        let mut seen = BTreeSet::new();
        for (name, input) in self.corpus() {
            let kind = catch_unwind(|| (self.check)(&input));
            let kind = kind.unwrap_or_else(|_| panic!("{name} fails, see above"));
            assert_eq!(name.split('-').next(), Some(kind), "{name}");
            seen.insert(kind);
        }
        assert_eq!(seen, self.kinds.iter().copied().collect(), "the corpus has every kind");
    }

    /// Checks mutations of the corpus, each from a seed of its own, until the time is over.
    pub(crate) fn explore(&self) {
        let corpus: Vec<_> = self.corpus().into_iter().map(|(_, input)| input).collect();
        if let Some(seed) = chosen_seed() {
            self.explore_one(&corpus, seed);
            return;
        }
        let (started, time) = (Instant::now(), if is_long() { LONG } else { SHORT });
        let mut seen = BTreeSet::new();
        let mut next = 0;
        let all_seen =
            |seen: &BTreeSet<_>| seen.len() == self.kinds.len() || started.elapsed() > DEADLINE;
        // On a busy machine it takes longer until chance has found every kind.
        while started.elapsed() < time || !all_seen(&seen) {
            seen.insert(self.explore_one(&corpus, next));
            next += 1;
        }
        println!("{}: {next} inputs in {:?}", self.name, started.elapsed());
        assert_eq!(seen, self.kinds.iter().copied().collect(), "chance finds every kind");
    }

    fn explore_one(&self, corpus: &[Vec<u8>], seed: u64) -> &'static str {
        let input = mutated(&mut Dice::new(seed), corpus, self.tokens);
        catch_unwind(|| (self.check)(&input)).unwrap_or_else(|_| {
            let input = input.escape_ascii();
            panic!("CACHEFENCE_SEED={seed} fails, see above; the input is b\"{input}\"")
        })
    }

    /// The committed inputs by name, always in the same order.
    fn corpus(&self) -> Vec<(String, Vec<u8>)> {
        let directory =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(self.name);
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.expect("the corpus can be listed").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("the corpus can be read"))
        };
        let listed = std::fs::read_dir(directory).expect("the corpus is there");
        let mut inputs: Vec<_> = listed.map(read).collect();
        inputs.sort();
        inputs
    }
}
