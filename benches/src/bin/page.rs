//! Puts the figures of `results/results.json` into the tables of the pages named on the command line.

use std::path::Path;
use std::{env, fs};

use cachefence_benches::report::{Report, page};

fn main() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/results.json");
    let results = fs::read(&results).expect("a full run has written it");
    let report: Report = serde_json::from_slice(&results).expect("a report");
    for path in env::args().skip(1) {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let filled = page::fill(&text, &report).unwrap_or_else(|error| panic!("{path}: {error}"));
        fs::write(&path, filled).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}
