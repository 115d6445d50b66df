//! What the examples print, to the last line.

use std::process::Command;

/// Runs an example, which must succeed and complain of nothing, and returns what it prints.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("the example starts");
    let (out, err) = (output.stdout, output.stderr);
    let [out, err] = [out, err].map(|text| String::from_utf8(text).expect("UTF-8"));
    assert!(output.status.success() && err.is_empty(), "{}\n{out}\n{err}", output.status);
    out
}

/// Takes out the figure after `before`, which is `N` from then on.
fn take_figure(printed: &mut String, before: &str) -> u32 {
    let (head, tail) = printed.split_once(before).expect("a figure is printed");
    let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
    let figure = tail[..digits].parse().expect("a figure");
    *printed = format!("{head}{before}N{}", &tail[digits..]);
    figure
}

#[test]
fn attribute() {
    let expected = "\
1. A miss runs the body. The next call is a hit.
   query: user 1
   Some(User { name: \"ann\" })
   Some(User { name: \"ann\" })
2. Callers that miss at the same time share one load.
   query: user 2
   [Some(\"bob\"), Some(\"bob\"), Some(\"bob\")]
3. A user who does not exist is cached too, for `negative_ttl`.
   query: user 3
   None, None
   valid for Ns
4. The companion is the entry that a call reads. It runs no body.
   user:1 holds Some(User { name: \"ann\" })
5. After a write, `invalidate`: later calls see it.
   query: user 1
   Some(User { name: \"amy\" })
6. The cache has counted 8 calls:
   2 hits, 2 shared loads
   4 bodies ran, 4 values stored
";
    let mut printed = output(env!("CARGO_BIN_EXE_attribute"), &[]);
    // Some of the time may have passed already.
    assert!(take_figure(&mut printed, "valid for ") <= 10);
    assert_eq!(printed, expected);
}

#[test]
fn repository() {
    let expected = "\
1. The first greeting asks the table, the second does not.
   query: name of 1
   query: count
   hello ann, one of 1
   hello ann, one of 1
2. After a renaming the name is read anew. The count is still good.
   query: name of 1
   hello amy, one of 1
";
    assert_eq!(output(env!("CARGO_BIN_EXE_repository"), &[]), expected);
}

#[test]
fn custom_store() {
    let expected = "\
1. The value that one cache loads is a hit in the other.
   the body runs
   42 42
2. An invalidation in one is seen by the other.
   None
3. The store keeps the contract of `Store`.
";
    assert_eq!(output(env!("CARGO_BIN_EXE_custom-store"), &[]), expected);
}

#[test]
fn custom_codec() {
    let expected = "\
1. The cache with JSON loads a report.
   the body runs
   12 months are 277 bytes, compressed to N
2. For the cache with compression this entry is a miss. It loads the report anew.
   the body runs
   12 months
   entries that did not decode: 1
3. From then on it is a hit.
   12 months
";
    let mut printed = output(env!("CARGO_BIN_EXE_custom-codec"), &[]);
    // How far a text is compressed is the business of a crate, within reason.
    assert!(take_figure(&mut printed, "compressed to ") < 150);
    assert_eq!(printed, expected);
}

#[test]
fn testing() {
    let expected = "$1.12 and $3.36\nrequests to the bank: 1\n";
    assert_eq!(output(env!("CARGO_BIN_EXE_testing"), &[]), expected);
}

/// Few requests, because this is not a release build.
#[test]
fn stampede() {
    let printed = output(env!("CARGO_BIN_EXE_stampede"), &["--requests", "20", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&printed).expect("one JSON object");
    assert_eq!(report["naive"]["queries"], 20);
    assert_eq!(report["cachefence"]["queries"], 1);
}
