//! A page of a demo in a browser, and what has to hold of every visit.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::browser::Browser;
use crate::service::Demo;

/// Held while a test runs, so that there is one browser and one demo at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The demo that the page belongs to, and the browser that shows it.
pub(crate) struct Page {
    pub(crate) demo: Demo,
    pub(crate) browser: Browser,
}

/// Runs the test while no other of this target runs.
pub(crate) fn alone<T>(test: impl FnOnce() -> T) -> T {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    test()
}

/// Starts a demo, opens its page and has it checked. After that nothing may have been logged as an error and nothing
/// asked of another server, and nothing is left of the demo.
pub(crate) fn visit(args: &[&str], check: impl FnOnce(&mut Page)) {
    alone(|| {
        let Some(browser) = Browser::start() else { return };
        let mut page = Page { demo: Demo::start(args), browser };
        page.browser.open(&page.demo.url());
        page.browser.until("the page is live", "document.body.dataset.live === 'true'");
        page.demo.until("a value is stored", |state| state["last_lead"]["end"] == "stored");
        check(&mut page);
        let Page { demo, mut browser } = page;
        let url = demo.url();
        for request in browser.requests() {
            let own = request.url.starts_with(&url) || request.url.starts_with("data:");
            assert!(own, "the page asks a foreign server: {request:?}");
        }
        assert_eq!(browser.errors(), [""; 0], "the console shows errors");
        // The browser goes first: a page whose server is gone logs errors, and that is not the subject.
        drop(browser);
        demo.end("TERM");
    });
}

impl Page {
    /// Waits until an attribute of an element has this value.
    #[track_caller]
    pub(crate) fn until_attribute(&self, id: &str, attribute: &str, value: &str) {
        let expression =
            format!("document.getElementById('{id}').getAttribute('{attribute}') === '{value}'");
        self.browser.until(&format!("{attribute} of #{id} is {value}"), &expression);
    }

    /// The raw number of a figure.
    pub(crate) fn figure(&self, id: &str) -> f64 {
        let script = format!("return Number(document.getElementById('{id}').dataset.value)");
        self.browser.run(&script).as_f64().expect("a number")
    }

    /// Presses a button and returns what the page says then.
    #[track_caller]
    pub(crate) fn press(&self, button: &str) -> String {
        self.browser.run("document.getElementById('said').textContent = ''");
        self.browser.click(&format!("#btn-{button}"));
        let said = "document.getElementById('said').textContent.trim()";
        self.browser.until(&format!("{button} is answered"), said);
        self.browser.run(&format!("return {said}")).as_str().unwrap_or_default().to_owned()
    }
}

/// One of the counts of a side.
#[track_caller]
pub(crate) fn count(state: &Value, side: &str, name: &str) -> u64 {
    state["sides"][side][name].as_u64().unwrap_or_else(|| panic!("{side}.{name}: {state}"))
}

/// The events of some kind after the one numbered `since`, oldest first.
pub(crate) fn events<'a>(state: &'a Value, kind: &str, since: u64) -> Vec<&'a Value> {
    let events = state["events"].as_array().expect("there are events");
    let mut events: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == kind && event["seq"].as_u64() > Some(since))
        .collect();
    events.sort_by_key(|event| event["seq"].as_u64());
    events
}

/// The number of the last event.
pub(crate) fn last_event(state: &Value) -> u64 {
    let events = state["events"].as_array().expect("there are events");
    events.iter().filter_map(|event| event["seq"].as_u64()).max().unwrap_or(0)
}
