//! What the page looks like: on a phone, in light and in dark.

use serde::Deserialize;
use serde_json::json;

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

/// The elements whose contents stick out of them, those left out that scroll by themselves.
const OVERFULL: &str = "return [...document.querySelectorAll('body *')].filter(element =>
    element instanceof HTMLElement && element.clientWidth > 0
    && element.scrollWidth > element.clientWidth + 1
    && !['auto', 'scroll'].includes(getComputedStyle(element).overflowX))
    .map(element => `${element.tagName} ${element.id} ${element.className}`)";

/// The buttons that are too low for a finger.
const LOW: &str = "return [...document.querySelectorAll('button')]
    .filter(button => button.getBoundingClientRect().height < 24).map(button => button.id)";

#[test]
fn the_page_can_be_read_on_a_phone() {
    visit(&["--memory"], |page| {
        for width in [360, 320] {
            page.browser.become_a_phone(width);
            page.browser.open(&page.demo.url());
            page.browser.until("a sample is drawn", "document.body.dataset.seq > 0");
            page.browser.until(
                "the window is a phone's",
                &format!("document.documentElement.clientWidth === {width}"),
            );
            let widest = page.browser.run("return document.documentElement.scrollWidth");
            assert_eq!(widest, width, "the page scrolls sideways");
            assert_eq!(page.browser.run(OVERFULL), json!([]), "something sticks out of its box");
            assert_eq!(page.browser.run(LOW), json!([]), "buttons are too low");
            for text in texts(&page.browser) {
                let inside = text.left >= 0.0 && text.right <= f64::from(width) + 0.5;
                assert!(inside, "outside of the window: {text:?}");
                assert!(text.size >= 12.0, "too small to read: {text:?}");
            }
        }
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
