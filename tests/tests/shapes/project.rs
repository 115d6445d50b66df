//! A crate of shapes, which the compiler checks in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::shape::Shape;

/// What the shapes share.
const SUPPORT: &str = include_str!("support.txt");

/// How often the check is made anew without the shapes that have errors: some errors hide those of other modules.
const ROUNDS: usize = 8;

/// A crate in a directory of its own.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    root: PathBuf,
}

/// What the compiler says of one module.
#[derive(Default)]
struct Said {
    /// The first error.
    error: Option<String>,
    /// The lints, and the first message of each.
    lints: BTreeMap<String, String>,
}

impl Project {
    /// Writes the manifest.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let library = root.join("cachefence");
        let manifest = format!(
            "[package]\nname = {name:?}\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             anyhow = \"1\"\nasync-trait = \"0.1\"\ncachefence = {{ path = \"{}\" }}\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n\
             tracing = {{ version = \"0.1\", default-features = false, features = [\"attributes\"] }}\n",
            library.display()
        );
        fs::create_dir(folder.path().join("src")).expect("a directory");
        fs::write(folder.path().join("Cargo.toml"), manifest).expect("a manifest");
        fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("a lock file");
        Self { folder, root }
    }

    /// The faults of the shapes: a line for each that has any, which names it.
    pub(crate) fn check(&self, shapes: &[Shape], with_clippy: bool) -> Vec<String> {
        let mut faults: BTreeMap<usize, String> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let left: BTreeSet<usize> =
                (0..shapes.len()).filter(|at| !faults.contains_key(at)).collect();
            let said = self.run(shapes, &left, with_clippy);
            let found = left.iter().filter_map(|at| Some((*at, fault(&said, *at)?)));
            let found: BTreeMap<usize, String> = found.collect();
            if found.is_empty() {
                break;
            }
            faults.extend(found);
        }
        let named = faults.iter().map(|(at, fault)| format!("{}\n  {fault}", shapes[*at]));
        named.collect()
    }

    /// Has the modules of the shapes checked that are `left`.
    fn run(
        &self,
        shapes: &[Shape],
        left: &BTreeSet<usize>,
        with_clippy: bool,
    ) -> BTreeMap<String, Said> {
        let source = self.folder.path().join("src");
        let mut lib =
            "//! Shapes.\n#![allow(mismatched_lifetime_syntaxes)]\npub mod support;\n".to_owned();
        for at in left {
            for annotated in [false, true] {
                let module = module(*at, annotated);
                writeln!(lib, "pub mod {module};").expect("a string");
                fs::write(source.join(format!("{module}.rs")), shapes[*at].module(annotated))
                    .expect("a module");
            }
        }
        fs::write(source.join("support.rs"), SUPPORT).expect("a module");
        fs::write(source.join("lib.rs"), lib).expect("a module");
        let command = if with_clippy && has_clippy() { "clippy" } else { "check" };
        // Offline: what the workspace needs is there, and nothing else is looked for.
        let output = Command::new(env!("CARGO"))
            .args([command, "--offline", "--quiet", "--message-format=json"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.root.join("target/tests/programs"))
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo runs");
        let messages = String::from_utf8_lossy(&output.stdout);
        let said = read(&messages);
        // An error that belongs to no shape must not pass for a success.
        let of_a_shape = said.values().any(|said| said.error.is_some());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || of_a_shape, "{stderr}\n{}", rendered(&messages));
        said
    }
}

fn module(at: usize, annotated: bool) -> String {
    format!("shape_{at}_{}", if annotated { "annotated" } else { "plain" })
}

/// What is wrong with a shape.
fn fault(said: &BTreeMap<String, Said>, at: usize) -> Option<String> {
    let plain = said.get(&module(at, false));
    if let Some(error) = plain.and_then(|plain| plain.error.as_ref()) {
        return Some(format!("the plain function, whose shape is then none: {error}"));
    }
    let annotated = said.get(&module(at, true))?;
    if let Some(error) = &annotated.error {
        return Some(error.clone());
    }
    let mut added = annotated
        .lints
        .iter()
        .filter(|(lint, _)| plain.is_none_or(|plain| !plain.lints.contains_key(*lint)));
    added.next().map(|(lint, message)| format!("{lint}: {message}"))
}

/// Reads cargo's messages.
fn read(messages: &str) -> BTreeMap<String, Said> {
    let mut all: BTreeMap<String, Said> = BTreeMap::new();
    for line in messages.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let message = &line["message"];
        let spans = message["spans"].as_array().into_iter().flatten();
        let mut files = spans.filter_map(|span| span["file_name"].as_str());
        let is_shape = |file: &&str| file.contains("shape_");
        let Some(module) = files.find(is_shape).and_then(|file| Path::new(file).file_stem()) else {
            continue;
        };
        let said = all.entry(module.to_string_lossy().into_owned()).or_default();
        let rendered = message["rendered"].as_str().unwrap_or_default().to_owned();
        let code = message["code"]["code"].as_str().unwrap_or_default();
        if message["level"] == "error" {
            said.error.get_or_insert(rendered);
        } else {
            said.lints.entry(code.to_owned()).or_insert(rendered);
        }
    }
    all
}

/// The messages, as the compiler prints them.
fn rendered(messages: &str) -> String {
    let lines = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(line["message"]["rendered"].as_str()?.to_owned())).collect()
}

fn has_clippy() -> bool {
    let version = Command::new(env!("CARGO")).args(["clippy", "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}
