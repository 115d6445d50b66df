//! Every link leads somewhere, and every page is found.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::markdown::{self, Document};
use crate::repository::{Place, files, place, read, root};

const GUIDE: &str = "cachefence/docs";
/// The guide's table of contents, which is the text of the module `guide`.
const CONTENTS: &str = "cachefence/docs/README.md";
/// Where the guide's links and images lead in rustdoc. Nobody reads these files by themselves.
const RUSTDOC_LINKS: [&str; 2] = ["cachefence/docs/links.md", "cachefence/docs/images/links.md"];

/// What crates.io shows.
const PACKAGED: [&str; 2] = ["cachefence/README.md", "cachefence-macros/README.md"];

fn document(path: impl AsRef<Path>) -> Document {
    markdown::parse(&read(path))
}

fn documents() -> Vec<PathBuf> {
    files(&["md"])
}

/// The pages of the guide. Its table of contents, which GitHub shows for the folder, is `guide.rs` in rustdoc.
fn guide() -> Vec<PathBuf> {
    let pages = documents()
        .into_iter()
        .filter(|path| path.starts_with(GUIDE) && !path.ends_with("README.md"));
    pages.filter(|path| !RUSTDOC_LINKS.map(Path::new).contains(&path.as_path())).collect()
}

/// The name of a page's module.
fn module(page: &Path) -> &str {
    page.file_stem().unwrap().to_str().unwrap()
}

/// Where a link that stands in `page` leads: a file or folder of the repository, and an anchor in it. `None` if it
/// leads elsewhere, and an error if it leads nowhere.
fn follow(page: &Path, to: &str) -> Result<Option<(PathBuf, Option<String>)>, &'static str> {
    let (to, anchor) = match to.split_once('#') {
        Some((to, anchor)) => (to, Some(anchor.to_owned())),
        None => (to, None),
    };
    let target = if let Some(name) = to.strip_prefix("crate::guide::") {
        Path::new(GUIDE).join(name).with_extension("md")
    } else if to == "crate" || to.contains("crate::") || to.starts_with("data:") {
        return Ok(None); // rustdoc knows the item, and the browser the image
    } else if to.contains("://") {
        match place(to) {
            Some(Place::File(path)) => path,
            Some(Place::Advisories) | None => return Ok(None),
            Some(Place::Unknown) => return Err("no such place in the repository"),
        }
    } else if to.is_empty() {
        page.to_owned()
    } else {
        resolve(&page.parent().unwrap().join(to))
    };
    if !root().join(&target).exists() {
        return Err("no such file");
    }
    if let Some(anchor) = &anchor
        && !document(&target).anchors.contains(anchor)
    {
        return Err("no such heading");
    }
    Ok(Some((target, anchor)))
}

/// The path without `..`.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            resolved.pop()
        } else {
            resolved.push(component);
            true
        };
    }
    resolved
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut problems = Vec::new();
    for page in documents() {
        let document = document(&page);
        for destination in document.destinations {
            if let Err(problem) = follow(&page, &destination.to) {
                problems.push(format!("{}: {}: {problem}", page.display(), destination.to));
            }
        }
        problems.extend(
            document
                .undefined
                .iter()
                .map(|label| format!("{}: [{label}] is not defined", page.display())),
        );
    }
    assert_none(&problems);
}

/// In sources and manifests too, and whoever changes `repository` finds all of them.
#[test]
fn every_address_of_a_file_is_below_the_repository() {
    let mut problems = Vec::new();
    for file in files(&["md", "rs", "toml"]) {
        let text = read(&file);
        for (at, _) in text.match_indices("https://") {
            let url =
                text[at..].split([' ', '\n', '"', '`', '<', '>', '(', ')', '{']).next().unwrap();
            let is_file =
                ["/blob/main/", "/tree/main/", "/raw/main/"].iter().any(|kind| url.contains(kind));
            let below = place(url).is_some();
            if is_file && !below || below && follow(&file, url).is_err() {
                problems.push(format!("{}: {url}", file.display()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(page) = next.pop() {
        if page.extension().is_none_or(|extension| extension != "md")
            || !reached.insert(page.clone())
        {
            continue;
        }
        let links = document(&page).destinations;
        next.extend(
            links
                .iter()
                .filter_map(|link| follow(&page, &link.to).ok().flatten())
                .map(|(target, _)| target),
        );
    }
    let mut pages = documents();
    pages
        .retain(|page| RUSTDOC_LINKS.iter().chain(&PACKAGED).all(|other| page != Path::new(other)));
    let missing = pages.iter().filter(|page| !reached.contains(*page));
    assert_none(
        &missing
            .map(|page| format!("no link leads from README.md to {}", page.display()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_page_of_the_guide_is_reached_from_the_front_page_of_the_crate() {
    let front = read("cachefence/src/lib.rs");
    for link in ["](guide)", "][examples]", "][changelog]", "][security]"] {
        let has_link = front.lines().any(|line| line.starts_with("//!") && line.contains(link));
        assert!(has_link, "cachefence/src/lib.rs has no link {link}");
    }
    let modules = read("cachefence/src/guide.rs");
    let linked: BTreeSet<_> = document(CONTENTS)
        .destinations
        .iter()
        .filter_map(|link| follow(Path::new(CONTENTS), &link.to).ok().flatten())
        .map(|(page, _)| page)
        .collect();
    let mut problems = Vec::new();
    for page in guide() {
        if !modules.contains(&format!("\"../docs/{}.md\"", module(&page))) {
            problems.push(format!("cachefence/src/guide.rs does not include {}", page.display()));
        }
        if !linked.contains(&page) {
            problems.push(format!("no link leads from {CONTENTS} to {}", page.display()));
        }
    }
    assert_none(&problems);
}

/// Rustdoc shows a page below an address of its own, where a relative link leads nowhere.
#[test]
fn every_link_of_the_guide_has_a_definition_for_rustdoc() {
    let known = RUSTDOC_LINKS.iter().flat_map(|file| document(file).destinations);
    let known: BTreeSet<_> = known.filter_map(|one| one.label).collect();
    let mut problems = Vec::new();
    for page in guide() {
        for one in document(&page).destinations {
            let is_known = one.label.as_ref().is_some_and(|label| known.contains(label));
            if !one.to.contains("://") && !one.to.starts_with('#') && !is_known {
                problems.push(format!(
                    "{}: {} has no label that links.md defines",
                    page.display(),
                    one.to
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_readme_has_at_most_200_lines() {
    let lines = read("README.md").lines().count();
    assert!(
        lines <= 200,
        "README.md has {lines} lines; the guide and the reference of the options take the details"
    );
}
