//! The scenarios, one question a file.

mod builds;
mod cluster;
mod cold;
mod cost;
mod expiry;
mod faults;
mod fleet;
mod growth;
mod hits;
mod large;
mod memory;
mod rounds;

use crate::lab::Lab;
use crate::report::Report;

/// A scenario: its name on the command line and what it does.
pub type Scenario = (&'static str, fn(&Lab, &mut Report));

/// All scenarios, in the order of the report.
pub const ALL: [Scenario; 11] = [
    ("hits", hits::run),
    ("large", large::run),
    ("memory", memory::run),
    ("cost", cost::run),
    ("cold", cold::run),
    ("fleet", fleet::run),
    ("expiry", expiry::run),
    ("faults", faults::run),
    ("growth", growth::run),
    ("cluster", cluster::run),
    ("builds", builds::run),
];
