//! The page as it is opened: it moves, it is small, and it asks nobody else.

use crate::visit::visit;

/// What the page may weigh.
const MOST_BYTES: u64 = 60_000;

/// The figures, and two charts.
const MOVING: &str = "[[...document.querySelectorAll('[data-value]')].map(figure => figure.textContent).join(), \
    document.getElementById('chart-queries').innerHTML, document.getElementById('chart-ttl').innerHTML]";

fn moves_within_5_s(args: &[&str]) {
    visit(args, |page| {
        // Once more, because the first time begins with the demo.
        page.browser.open(&page.demo.url());
        page.browser.until("figures are shown", &format!("{MOVING}[0]"));
        page.browser.run(&format!("window.first = {MOVING}"));
        page.browser.until(
            "figures and charts move",
            &format!("{MOVING}.every((now, i) => now !== window.first[i])"),
        );
        let millis = page.browser.run("return performance.now()");
        assert!(millis.as_f64() < Some(5_000.0), "the page moved after {millis} ms");
        println!("the page moved after {millis} ms");
    });
}

#[test]
fn the_page_moves_within_5_s_on_redis() {
    moves_within_5_s(&[]);
}

#[test]
fn the_page_moves_within_5_s_in_memory() {
    moves_within_5_s(&["--memory"]);
}

#[test]
fn the_page_loads_at_most_60_kb_in_one_request() {
    visit(&["--memory"], |page| {
        let polled = format!("{}api/state?", page.demo.url());
        page.browser.until(
            "the state is polled twice",
            "performance.getEntriesByType('resource').length > 1",
        );
        let requests = page.browser.requests().iter();
        let loaded: Vec<_> = requests
            .filter(|request| !request.url.starts_with(&polled) && request.url.starts_with("http"))
            .collect();
        assert_eq!(loaded.len(), 1, "{loaded:#?}");
        let bytes: u64 = loaded.iter().map(|request| request.bytes).sum();
        assert!((1..=MOST_BYTES).contains(&bytes), "{bytes} bytes: {loaded:#?}");
        println!("the page is {bytes} bytes");
    });
}
