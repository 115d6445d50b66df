//! Return types that borrow without saying so: `Page` for `Page<'_>`.

#![allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)] // they are the subject

use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Page<'a> {
    title: Cow<'a, str>,
}

struct Site {
    title: String,
}

impl Site {
    fn page(&self) -> Page {
        Page { title: Cow::Borrowed(&self.title) }
    }
}

fn site() -> Site {
    Site { title: "front".to_owned() }
}

#[tokio::test]
async fn of_a_value() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Site {
        async fn value_plain(&self) -> Page {
            ran(&BODIES);
            self.page()
        }

        #[cachefence(key = "hidden:<self.title>", ttl = 60)]
        async fn value(&self) -> Page {
            ran(&BODIES);
            self.page()
        }
    }

    let site = site();
    assert_twins(&BODIES, async || site.value_plain().await, async || site.value().await).await;
    assert_eq!(site.value_entry().peek().await.unwrap(), Some(site.page()));
}

#[tokio::test]
async fn of_a_value_whose_companion_borrows_nothing() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Site {
        async fn numbered_plain(&self, at: u64) -> Page {
            ran(&BODIES);
            let _ = at;
            self.page()
        }

        #[cachefence(key = "hidden-numbered:<at>", ttl = 60, skip(self))]
        async fn numbered(&self, at: u64) -> Page {
            ran(&BODIES);
            let _ = at;
            self.page()
        }

        #[cachefence(key = "hidden-written:<at>", ttl = 60, skip(self))]
        async fn written(&self, at: u64) -> Option<Page<'_>> {
            let _ = at;
            Some(self.page())
        }
    }

    let site = site();
    assert_twins(&BODIES, async || site.numbered_plain(1).await, async || site.numbered(1).await)
        .await;
    assert_eq!(Site::numbered_entry(1).peek().await.unwrap(), Some(site.page()));
    assert_eq!(site.written(1).await, Some(site.page()));
    assert_eq!(Site::written_entry(1).peek().await.unwrap(), Some(Some(site.page())));
}

#[tokio::test]
async fn of_an_ok_and_of_a_cow() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Site {
        async fn pages_plain(&self) -> Result<Vec<Page>, String> {
            ran(&BODIES);
            Ok(vec![self.page()])
        }

        #[cachefence(key = "hidden-ok:<self.title>", ttl = 60)]
        async fn pages(&self) -> Result<Vec<Page>, String> {
            ran(&BODIES);
            Ok(vec![self.page()])
        }

        #[cachefence(key = "hidden-cow:<self.title>", ttl = 60)]
        async fn text(&self) -> Cow<str> {
            Cow::Borrowed(&self.title)
        }
    }

    let site = site();
    assert_twins(&BODIES, async || site.pages_plain().await, async || site.pages().await).await;
    assert_eq!(site.text().await, "front");
}

#[tokio::test]
async fn of_an_error() {
    #[derive(Debug, Clone, PartialEq)]
    struct Broken<'a>(&'a str);

    impl Site {
        #[cachefence(key = "hidden-error:<self.title>", ttl = 60)]
        async fn broken(&self) -> Result<u64, Broken> {
            Err(Broken(&self.title))
        }
    }

    assert_eq!(site().broken().await, Err(Broken("front")));
}
