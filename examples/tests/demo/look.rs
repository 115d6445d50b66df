//! What the page looks like: on a phone, in light and in dark.

use serde::Deserialize;

use crate::browser::Browser;
use crate::visit::visit;

/// A text that the page shows.
#[derive(Debug, Deserialize)]
struct Text {
    words: String,
    left: f64,
    right: f64,
    /// Of the font, in CSS pixels.
    size: f64,
    ink: String,
    back: String,
    contrast: f64,
}

fn texts(browser: &Browser) -> Vec<Text> {
    let texts = browser.run(include_str!("texts.js"));
    let texts: Vec<Text> = serde_json::from_value(texts).expect("what the script returns");
    assert!(texts.len() > 20, "the script finds the texts: {texts:#?}");
    texts
}

#[test]
fn the_page_can_be_read_on_a_phone() {
    visit(&["--memory"], |page| {
        page.browser.become_a_phone(360);
        page.browser.open(&page.demo.url());
        page.browser.until("a sample is drawn", "document.body.dataset.seq > 0");
        page.browser
            .until("the window is a phone's", "document.documentElement.clientWidth === 360");
        let widths =
            "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]";
        let widths = page.browser.run(widths);
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "the page scrolls sideways: {widths}");
        for text in texts(&page.browser) {
            assert!(text.left >= 0.0 && text.right <= 360.5, "outside of the window: {text:?}");
            assert!(text.size >= 12.0, "too small to read: {text:?}");
        }
        let low = "return [...document.querySelectorAll('button')].map(button => \
            button.getBoundingClientRect().height).filter(height => height < 24)";
        assert_eq!(page.browser.run(low), serde_json::json!([]), "buttons too low for a finger");
    });
}

#[test]
fn the_page_can_be_read_in_light_and_in_dark() {
    visit(&["--memory"], |page| {
        let ground = |scheme: &str| {
            page.browser.prefer(scheme);
            // A colour may fade into another.
            page.browser.until("no colour changes", "document.getAnimations().length === 0");
            let texts = texts(&page.browser);
            for text in &texts {
                assert!(text.contrast >= 4.5, "hard to read in {scheme}: {text:?}");
            }
            let heading =
                page.browser.run("return document.querySelector('h1').textContent.trim()");
            let heading = texts.into_iter().find(|text| heading == text.words.as_str());
            let heading = heading.expect("there is a heading");
            (heading.back, heading.ink)
        };
        let (light, dark) = (ground("light"), ground("dark"));
        assert!(light.0 != dark.0 && light.1 != dark.1, "light {light:?}, dark {dark:?}");
    });
}
