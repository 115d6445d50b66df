//! The features of the library, as `cargo metadata` has them.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
}

/// Each feature of `cachefence` with those that it turns on, from what `cargo metadata --format-version 1` prints.
pub fn features(metadata: &str) -> serde_json::Result<BTreeMap<String, Vec<String>>> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    let library = metadata.packages.into_iter().find(|package| package.name == "cachefence");
    Ok(library.map(|library| library.features).unwrap_or_default())
}
