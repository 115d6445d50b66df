//! The README that crates.io and docs.rs show is the repository's, with absolute links.

use std::env;
use std::fs;

use crate::markdown;
use crate::repository::{address, read, root};

const PACKAGED: &str = "cachefence/README.md";

/// The text with each relative link made absolute.
fn with_absolute_links(text: &str) -> String {
    let mut destinations = markdown::parse(text).destinations;
    destinations.sort_by_key(|one| one.span.start);
    let mut absolute = text.to_owned();
    for one in destinations.iter().rev() {
        if !one.to.contains("://") && !one.to.starts_with('#') {
            absolute.replace_range(one.span.clone(), &address(&one.to, one.is_image));
        }
    }
    absolute
}

#[test]
fn the_packaged_readme_is_the_repositorys_with_absolute_links() {
    let expected = with_absolute_links(&read("README.md"));
    if env::var_os("CACHEFENCE_BLESS").is_some() {
        fs::write(root().join(PACKAGED), &expected).unwrap();
    }
    let packaged = fs::read_to_string(root().join(PACKAGED)).unwrap_or_default();
    assert!(
        packaged == expected,
        "{PACKAGED} is not README.md with absolute links. Write it with\n\
         CACHEFENCE_BLESS=1 cargo test -p cachefence-tests --test docs packaged_readme"
    );
}

#[test]
fn links_to_files_become_absolute_and_others_stay() {
    let absolute = with_absolute_links(
        "[a](docs/a.md#b) ![i](c.svg) [top](#top) [d](https://docs.rs) [e][e]\n\n[e]: E.md\n",
    );
    let (page, image, other) =
        (address("docs/a.md#b", false), address("c.svg", true), address("E.md", false));
    assert_eq!(
        absolute,
        format!(
            "[a]({page}) ![i]({image}) [top](#top) [d](https://docs.rs) [e][e]\n\n[e]: {other}\n"
        )
    );
}
