//! The documents of the repository and of its packages: their links, the feature table, the README on crates.io, the diagrams.

mod features;
mod images;
mod links;
mod markdown;
mod packaged_readme;
mod repository;
