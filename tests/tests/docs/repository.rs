//! The files of the repository, and their addresses on the web.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's `repository`.
const ADDRESS: &str = env!("CARGO_PKG_REPOSITORY");

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files with one of these extensions, as paths from the root. Build directories and hidden ones are left out.
pub(crate) fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            if entry.file_type().unwrap().is_dir() {
                // What cargo or Python has made, whatever the folder's name.
                let is_made = ["CACHEDIR.TAG", "pyvenv.cfg"]
                    .iter()
                    .any(|tag| root().join(&path).join(tag).exists());
                if !is_made && name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|one| *one == extension))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The address of a file: of the page that shows it, or of its bytes, as an image needs.
pub(crate) fn address(path: &str, is_image: bool) -> String {
    format!("{ADDRESS}/{}/main/{path}", if is_image { "raw" } else { "blob" })
}

/// A place that has an address below [`ADDRESS`].
pub(crate) enum Place {
    File(PathBuf),
    /// The page where a vulnerability is reported.
    Advisories,
    Unknown,
}

/// `None` for an address elsewhere.
pub(crate) fn place(url: &str) -> Option<Place> {
    let rest = url.strip_prefix(ADDRESS)?;
    if rest.is_empty() {
        return Some(Place::File(PathBuf::from("README.md")));
    }
    for kind in ["/blob/main/", "/tree/main/", "/raw/main/"] {
        if let Some(path) = rest.strip_prefix(kind) {
            return Some(Place::File(PathBuf::from(path)));
        }
    }
    Some(if rest == "/security/advisories" { Place::Advisories } else { Place::Unknown })
}
