//! What was measured, as tables, targets, JSON and plots.

mod axis;
mod facts;
mod markdown;
mod number;
pub mod page;
pub mod plots;
mod svg;
mod table;
mod target;

pub use facts::Facts;
pub use markdown::markdown;
pub use number::grouped;
pub use table::{Figure, Line, Table};
pub use target::{Limit, Target};

use serde::{Deserialize, Serialize};

/// Everything that one run found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The machine and the versions.
    pub facts: Facts,
    /// The tables, in the order of the scenarios.
    pub tables: Vec<Table>,
    /// The targets: what was promised beside what was measured.
    pub targets: Vec<Target>,
    /// What could not be measured, and why.
    pub left_out: Vec<String>,
}

impl Report {
    /// A report without tables.
    pub fn new(facts: Facts) -> Self {
        Self { facts, tables: Vec::new(), targets: Vec::new(), left_out: Vec::new() }
    }

    /// Adds a table and prints it at once, so that a run that is cut short has shown it.
    pub fn add(&mut self, table: Table) {
        println!("{}", table.markdown());
        self.tables.push(table);
    }

    /// Adds a figure and the bound that was promised for it.
    pub fn target(&mut self, what: impl Into<String>, measured: f64, limit: Limit) {
        self.targets.push(Target::new(what, measured, limit));
    }

    /// The table with this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}
