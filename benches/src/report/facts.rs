//! The machine and the versions.

use std::borrow::Cow;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The facts about machine, versions and form that a reader needs to compare figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// The processor.
    pub processor: String,
    /// How many cores the run had.
    pub cores: usize,
    /// The version of redis-server.
    pub redis: String,
    /// The version of the compiler.
    pub rustc: String,
    /// The versions of the crates and of the Python package.
    pub packages: Vec<String>,
    /// Which form was run: `quick` or `full`.
    pub form: Cow<'static, str>,
}

/// The crates whose versions matter.
const CRATES: [&str; 10] = [
    "cachefence",
    "redis",
    "cached",
    "hitbox",
    "hitbox-fn",
    "hitbox-redis",
    "moka",
    "quick_cache",
    "serde_json",
    "tokio",
];

impl Facts {
    /// The facts of this machine.
    pub fn gather(cores: usize, quick: bool, python: Option<&std::path::Path>) -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned());
        let mut packages: Vec<_> = CRATES.iter().filter_map(|name| locked(name)).collect();
        if let Some(python) = python {
            packages.push(said_by(
                &python.to_string_lossy(),
                &[
                    "-c",
                    "import sys, cachefence, redis; print('Python', sys.version.split()[0] + \
                 ': cachefence', cachefence.__version__ + ', redis', redis.__version__)",
                ],
            ));
        }
        Self {
            processor,
            cores,
            redis: said_by("redis-server", &["--version"])
                .split_whitespace()
                .find_map(|word| word.strip_prefix("v="))
                .unwrap_or("unknown")
                .to_owned(),
            rustc: said_by("rustc", &["--version"]),
            packages,
            form: if quick { "quick" } else { "full" }.into(),
        }
    }
}

/// The version of a crate, read from the lock file.
fn locked(name: &str) -> Option<String> {
    let lock = include_str!("../../Cargo.lock");
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(format!("{name} {}", rest.split_once('"')?.0))
}

/// The output of a program, or the reason why it cannot be run.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |error| format!("{program}: {error}"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
