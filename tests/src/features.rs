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

/// The features of `cachefence`, each with those that it turns on, by the output of `cargo metadata --format-version 1`.
pub fn features(metadata: &str) -> serde_json::Result<BTreeMap<String, Vec<String>>> {
    let metadata: Metadata = serde_json::from_str(metadata)?;
    let library = metadata.packages.into_iter().find(|package| package.name == "cachefence");
    Ok(library.map(|library| library.features).unwrap_or_default())
}
