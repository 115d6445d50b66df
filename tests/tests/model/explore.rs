//! Runs the checker and says what it saw.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Instant;

use cachefence_tests::is_long;
use stateright::{Checker, Expectation, HasDiscoveries, Model as _};

use crate::action::Action;
use crate::protocol::Protocol;
use crate::rules::{Bounds, Rules};

/// Explores everything within `bounds`; every property has to hold, and each of `reached`, to
/// occur.
pub(crate) fn assert_holds(name: &str, rules: Rules, bounds: Bounds, reached: &[&str]) {
    // Short worlds run as tests beside each other.
    let threads = if is_long() { available_parallelism().map_or(1, NonZero::get) } else { 1 };
    let begun = Instant::now();
    let protocol = Protocol { rules, bounds };
    let checker = protocol
        .checker()
        .threads(threads)
        .symmetry()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    report(name, &checker, begun);
    let mut discoveries = checker.discoveries();
    for property in protocol.properties() {
        let path = discoveries.remove(property.name);
        if property.expectation == Expectation::Sometimes {
            let expected = reached.contains(&property.name);
            assert!(path.is_some() || !expected, "{name}: {} never occurs", property.name);
        } else if let Some(path) = path {
            panic!("{name}: broken: {}\n{:#?}", property.name, path.into_actions());
        }
    }
}

/// Searches for a violation of `property`, where the shortest one is too far away to be found first.
pub(crate) fn find_any_violation(
    name: &str,
    rules: Rules,
    bounds: Bounds,
    property: &'static str,
) -> Vec<Action> {
    let begun = Instant::now();
    let checker = Protocol { rules, bounds }
        .checker()
        .symmetry()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_dfs()
        .join();
    report(name, &checker, begun);
    found(name, &checker, property)
}

/// Searches for a violation of `property`; the shortest one is returned.
pub(crate) fn find_violation(
    name: &str,
    rules: Rules,
    bounds: Bounds,
    property: &'static str,
) -> Vec<Action> {
    let begun = Instant::now();
    let checker = Protocol { rules, bounds }
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    report(name, &checker, begun);
    found(name, &checker, property)
}

fn found(name: &str, checker: &impl Checker<Protocol>, property: &'static str) -> Vec<Action> {
    let Some(path) = checker.discovery(property) else {
        panic!("{name}: no violation of {property} found");
    };
    let actions = path.into_actions();
    println!("  {property}: broken by");
    for action in &actions {
        println!("    {action:?}");
    }
    actions
}

fn report(name: &str, checker: &impl Checker<Protocol>, begun: Instant) {
    println!(
        "{name}: {} states, {} steps, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        begun.elapsed().as_secs_f64()
    );
}
