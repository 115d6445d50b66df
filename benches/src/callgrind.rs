//! Reads what callgrind wrote: instructions by function.

use std::collections::HashMap;
use std::path::Path;

/// The instructions that each function executed itself, without the functions it called.
#[derive(Debug, Clone, Default)]
pub struct Profile(HashMap<String, f64>);

impl Profile {
    /// All instructions.
    pub fn total(&self) -> f64 {
        self.0.values().sum()
    }

    /// All instructions but those of the C library's allocator. How much these are depends on how the heap happens to be
    /// laid out, so they differ from process to process.
    pub fn outside_the_allocator(&self) -> f64 {
        let functions = self.0.iter().filter(|(function, _)| !is_of_the_allocator(function));
        functions.map(|(_, instructions)| instructions).sum()
    }

    /// Subtracts the instructions of `other`, function by function.
    #[must_use]
    pub fn less(mut self, other: &Self) -> Self {
        for (function, instructions) in &other.0 {
            *self.0.entry(function.clone()).or_default() -= instructions;
        }
        self
    }

    /// The instructions of one call, where these are of `calls` calls.
    #[must_use]
    pub fn divided_by(mut self, calls: f64) -> Self {
        for instructions in self.0.values_mut() {
            *instructions /= calls;
        }
        self
    }

    /// The functions with the most instructions, the most first.
    pub fn top(&self, count: usize) -> Vec<(String, f64)> {
        let mut functions: Vec<_> = self
            .0
            .iter()
            .map(|(function, instructions)| (function.clone(), *instructions))
            .collect();
        functions.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        functions.truncate(count);
        functions
    }
}

/// The functions of glibc's allocator.
const ALLOCATOR: [&str; 10] = [
    "malloc",
    "calloc",
    "realloc",
    "free",
    "_int_malloc",
    "_int_realloc",
    "_int_free",
    "malloc_consolidate",
    "unlink_chunk",
    "sysmalloc",
];

/// Whether a function is the allocator's. `_int_free'2` is `_int_free` called below itself, `unlink_chunk.isra.0` a variant
/// that the compiler made.
fn is_of_the_allocator(function: &str) -> bool {
    function.split(['\'', '.']).next().is_some_and(|name| ALLOCATOR.contains(&name))
}

/// Reads a file that was written with `--compress-pos=no`.
///
/// `fn=(7) name` names the function to which the lines of two numbers below belong; from then on `fn=(7)` means the same
/// function. The line after a `calls=` is what a called function cost. Such a line is left out, because the same
/// instructions stand with the called function.
pub fn read(path: &Path) -> Profile {
    let text = std::fs::read(path).expect("callgrind wrote it");
    let text = String::from_utf8_lossy(&text);
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut profile = HashMap::new();
    let (mut function, mut of_a_call) = ("", false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = resolve(&mut names, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            resolve(&mut names, name);
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit())
            && !std::mem::take(&mut of_a_call)
        {
            let cost: f64 =
                line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or_default();
            *profile.entry(function.to_owned()).or_default() += cost;
        }
    }
    Profile(profile)
}

/// The name that `(7) name` or `(7)` means; the first form defines 7 as well.
fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(") ") {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text.trim_end_matches(')')).copied().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_a_called_function_cost_counts_once() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(
            b"events: Ir\nfn=(1) outer\n10 5\ncfn=(2) inner\ncalls=1 20\n11 100\n12 3\nfn=(2)\n20 100\n",
        )
        .unwrap();
        let profile = read(file.path());
        assert_eq!(profile.top(2), [("inner".to_owned(), 100.0), ("outer".to_owned(), 8.0)]);
    }

    #[test]
    fn the_allocator_is_told_apart() {
        let names = ["_int_free'2", "unlink_chunk.isra.0", "malloc", "Pool::free"];
        let profile = Profile(names.map(|name| (name.to_owned(), 1.0)).into());
        assert!((profile.outside_the_allocator() - 1.0).abs() < 1e-9);
    }
}
