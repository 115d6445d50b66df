//! The page without a mouse.

use std::collections::BTreeSet;

use crate::visit::visit;

const TAB: &str = "\u{e004}";

#[test]
fn each_button_is_reached_by_tab_and_has_a_name() {
    visit(&[], |page| {
        let ids = "return [...document.querySelectorAll('button')].map(button => button.id)";
        let ids: Vec<String> = serde_json::from_value(page.browser.run(ids)).expect("ids");
        assert!(ids.len() >= 6, "{ids:?}");
        for id in &ids {
            let name = page.browser.accessible_name(&format!("#{id}"));
            assert!(name.trim().len() > 3, "{id} has no name: {name:?}");
        }
        page.browser.until(
            "each button can act",
            "[...document.querySelectorAll('button')].every(button => !button.disabled)",
        );
        let mut reached = BTreeSet::new();
        for _ in 0..4 * ids.len() {
            page.browser.press(TAB);
            let focus = "const style = getComputedStyle(document.activeElement); return \
                [document.activeElement.id, style.outlineStyle !== 'none' || style.boxShadow !== 'none']";
            let focus = page.browser.run(focus);
            let id = focus[0].as_str().unwrap_or_default().to_owned();
            assert!(
                !ids.contains(&id) || focus[1] == true,
                "{id} does not show that it has the focus"
            );
            reached.insert(id);
        }
        for id in &ids {
            assert!(reached.contains(id), "{id} is not reached: {reached:?}");
        }
    });
}

#[test]
fn a_button_is_pressed_by_the_space_bar() {
    visit(&["--memory"], |page| {
        page.until_attribute("btn-slow", "aria-pressed", "false");
        page.browser.run("document.getElementById('btn-slow').focus()");
        page.browser.press(" ");
        page.demo.until("the database is slow", |state| state["database"]["slow"] == true);
        page.until_attribute("btn-slow", "aria-pressed", "true");
    });
}
