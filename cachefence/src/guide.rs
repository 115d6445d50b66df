// The guide. Its pages are the files in the folder `docs` of this package, so that each of their examples is compiled and run.
#![doc = include_str!("../docs/links.md")]
#![doc = include_str!("../docs/README.md")]

/// A page of the guide. Its links are written twice: a page ends with those that lead from file to file, and
/// `docs/links.md` has those that lead from module to module. Markdown takes the first definition, so `docs/links.md` stands before the page.
macro_rules! page {
    ($(#[$attribute:meta])* $name:ident, $file:literal) => {
        $(#[$attribute])*
        #[doc = include_str!("../docs/links.md")]
        #[doc = include_str!("../docs/images/links.md")]
        #[doc = include_str!($file)]
        #[cfg_attr(docsrs, doc(auto_cfg = false))] // a page is there whatever the features
        pub mod $name {}
    };
}

page!(keys, "../docs/keys.md");
page!(
    #[cfg(any(not(doctest), feature = "messagepack"))]
    values,
    "../docs/values.md"
);
page!(invalidation, "../docs/invalidation.md");
page!(errors, "../docs/errors.md");
page!(operating, "../docs/operating.md");
page!(testing, "../docs/testing.md");
page!(migrating, "../docs/migrating.md");

page!(guarantees, "../docs/guarantees.md");
page!(faults, "../docs/faults.md");
page!(
    #[cfg(any(not(doctest), feature = "tls"))]
    redis,
    "../docs/redis.md"
);
page!(performance, "../docs/performance.md");
