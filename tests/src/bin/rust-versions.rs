//! Reads `cargo metadata --format-version 1` and fails if a package that users of `cachefence` compile asks for a newer
//! Rust than `cachefence` says it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;
use std::process::ExitCode;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    rust_version: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Dependency {
    /// Whether it is compiled for who uses the package, and not only for its own tests.
    fn is_for_users(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

/// `1.88` and `1.88.0` are the same version.
fn numbers(version: &str) -> Result<[u64; 3], Box<dyn Error>> {
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        *number = text.parse().map_err(|_| format!("{version:?} is no version of Rust"))?;
    }
    Ok(numbers)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Metadata { packages, resolve } = serde_json::from_reader(io::stdin().lock())?;
    let ours = packages.iter().find(|package| package.name == "cachefence");
    let ours = ours.ok_or("there is no package cachefence")?;
    let declared = ours.rust_version.as_deref().ok_or("cachefence declares no rust-version")?;

    let nodes: BTreeMap<&str, &Node> =
        resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let (mut compiled, mut open) = (BTreeSet::new(), vec![ours.id.as_str()]);
    while let Some(id) = open.pop() {
        if compiled.insert(id) {
            let dependencies = nodes.get(id).ok_or("a package is not resolved")?.deps.iter();
            open.extend(dependencies.filter(|d| d.is_for_users()).map(|d| d.pkg.as_str()));
        }
    }

    let mut code = ExitCode::SUCCESS;
    for package in packages.iter().filter(|package| compiled.contains(package.id.as_str())) {
        let Some(asked) = package.rust_version.as_deref() else { continue };
        if numbers(asked)? > numbers(declared)? {
            let Package { name, version, .. } = package;
            eprintln!("{name} {version} asks for Rust {asked}; cachefence declares {declared}");
            code = ExitCode::FAILURE;
        }
    }
    if code == ExitCode::SUCCESS {
        println!("none of {} packages asks for more than Rust {declared}", compiled.len());
    }
    Ok(code)
}
