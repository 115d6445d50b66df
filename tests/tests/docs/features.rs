//! The README's table has each feature, with the number of crates that it adds.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;

use crate::repository::{read, root};

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").expect("cargo names itself to its tests");
    let output =
        Command::new(cargo).args(arguments).arg("--locked").current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The features of the library, each with those that it turns on.
fn features() -> BTreeMap<String, Vec<String>> {
    cachefence_tests::features(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap()
}

/// How many packages a user of the library compiles, build scripts, derive macros and the library included.
fn crates(options: &[&str]) -> usize {
    let tree = ["tree", "-p", "cachefence", "--target", "x86_64-unknown-linux-gnu"];
    let form = ["--edges", "normal,build", "--prefix", "none", "--no-dedupe"];
    let printed = cargo(&[&tree, &form, options].concat());
    printed.lines().filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len()
}

/// The rows of the README's feature table: the feature, and the number in the column `crates`.
fn table() -> BTreeMap<String, usize> {
    let readme = read("README.md");
    let mut lines = readme.lines().skip_while(|line| !line.starts_with("| feature |"));
    let cells = |line: &str| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let header =
        cells(lines.next().expect("README.md has a table whose first column is `feature`"));
    let column =
        header.iter().position(|cell| cell == "crates").expect("the table has a column `crates`");
    let mut rows = BTreeMap::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let row = cells(line);
        let number =
            row[column].parse().unwrap_or_else(|_| panic!("no number in the last column: {line}"));
        for name in row[0].split(", ") {
            let earlier = rows.insert(name.trim_matches('`').to_owned(), number);
            assert!(earlier.is_none(), "{name} has two rows");
        }
    }
    rows
}

#[test]
fn the_table_has_each_feature_and_the_crates_that_it_adds() {
    let mut features = features();
    let default = features.remove("default").unwrap();
    let (none, usual) = (crates(&["--no-default-features"]), crates(&[]));
    let measured = features.into_keys().map(|name| {
        // What is on by default is compared with a build without any feature, the others with the default build.
        let added = if default.contains(&name) {
            crates(&["--no-default-features", "--features", &name]) - none
        } else {
            crates(&["--features", &name]) - usual
        };
        (name, added)
    });
    assert_eq!(table(), measured.collect());
}

#[test]
fn the_readme_says_how_many_crates_the_default_build_has() {
    let sentence = format!("default build has {} crates", crates(&[]));
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&sentence), "README.md does not say: {sentence}");
}
