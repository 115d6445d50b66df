//! What the compiler says of an attribute that is wrong, word for word; and that each program compiles once it is mended.
//!
//! `tests/ui/<topic>/<name>.rs` must not compile, and `<name>.stderr` is what the compiler says. `<name>.ok.rs` is its twin: the
//! same program but for the fix, compiled here as a module.

#[path = "../ui/twins.rs"]
mod twins;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The compiler whose words are pinned: half of every message is rustc's own.
const PINNED: &str = "rustc 1.95.";

/// The lines of a program that its fix may change: more would be another program.
const FIX: usize = 10;

#[test]
fn every_mistake_has_its_message() {
    let rustc = rustc_version();
    if !rustc.starts_with(PINNED) {
        // Not `eprintln!`, which the harness keeps to itself while the test passes.
        let message =
            format!("\nNOT COMPARED: the messages are those of {PINNED}x, and this is {rustc}\n");
        io::stderr().write_all(message.as_bytes()).unwrap();
        return;
    }
    let cases = trybuild::TestCases::new();
    for program in programs() {
        cases.compile_fail(program);
    }
}

#[test]
fn every_program_has_a_twin_that_compiles() {
    let list = fs::read_to_string(folder().join("twins.rs")).unwrap();
    let compiled: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"))
        .collect();
    let wanted: BTreeSet<String> = programs()
        .iter()
        .map(|program| {
            let twin = program.with_extension("ok.rs");
            twin.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned()
        })
        .collect();

    assert!(wanted.len() >= 60, "{} programs", wanted.len());
    assert_eq!(compiled, wanted.iter().map(String::as_str).collect());
}

/// What the README says to install, with `--path` in place of the address, is enough for its first program.
#[test]
fn what_the_readme_installs_is_enough_for_its_first_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let block = |language: &str| {
        let (_, rest) = readme.split_once(&format!("```{language}\n")).expect("there is one");
        rest.split_once("\n```").expect("it ends").0
    };
    let project = tempfile::tempdir().unwrap();
    let cargo = |arguments: &[&str]| {
        // Offline: what the workspace needs is there, and nothing else is looked for.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).arg("--offline").current_dir(&project);
        cargo.env("CARGO_TARGET_DIR", root.join("target/tests/programs"));
        let output = cargo.output().expect("cargo runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    cargo(&["init", "--quiet", "--name", "first"]);
    fs::copy(root.join("Cargo.lock"), project.path().join("Cargo.lock")).unwrap();
    let library = root.join("cachefence");
    for line in block("sh").lines() {
        let command = line.split('#').next().unwrap_or_default();
        let mut arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        assert_eq!(arguments[0], "add");
        if let Some(at) = arguments.iter().position(|&argument| argument == "--git") {
            arguments.splice(at..at + 2, ["--path", library.to_str().unwrap()]);
        }
        cargo(&arguments);
    }
    fs::write(project.path().join("src/main.rs"), block("rust")).unwrap();
    cargo(&["check", "--quiet"]);
}

#[test]
fn a_twin_differs_by_the_fix_alone() {
    for program in programs() {
        let [wrong, right] = [program.clone(), program.with_extension("ok.rs")]
            .map(|file| fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file:?}: {e}")));
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        let (wrong, right): (BTreeSet<String>, BTreeSet<String>) = (lines(&wrong), lines(&right));
        let changed = wrong.symmetric_difference(&right).count();
        assert!((1..=FIX).contains(&changed), "{changed} lines of {}", program.display());
    }
}

#[test]
fn no_message_is_left_without_its_program() {
    let known: BTreeSet<PathBuf> = programs().into_iter().collect();
    for file in files() {
        let program = file.with_extension("rs");
        if file.extension().is_some_and(|extension| extension == "stderr") {
            assert!(known.contains(&program), "{} is of no program", file.display());
        }
    }
}

/// The programs that must not compile.
fn programs() -> Vec<PathBuf> {
    let is =
        |name: &OsStr, extension| Path::new(name).extension().is_some_and(|it| it == extension);
    let mut programs = files();
    programs.retain(|file| {
        is(file.as_os_str(), "rs") && !file.file_stem().is_some_and(|stem| is(stem, "ok"))
    });
    programs.sort();
    programs
}

/// Every file of every topic.
fn files() -> Vec<PathBuf> {
    let read = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let topics = read(&folder()).into_iter().filter(|path| path.is_dir());
    topics.flat_map(|topic| read(&topic)).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
