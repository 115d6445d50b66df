//! What was measured, as tables, targets, JSON and plots.

mod facts;
mod markdown;
pub mod plots;
mod svg;

pub use facts::Facts;

use serde::Serialize;

use crate::statistics::Spread;

/// Everything that one run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The machine and the versions.
    pub facts: Facts,
    /// The tables, in the order of the scenarios.
    pub tables: Vec<Table>,
    /// What was promised beside what was measured.
    pub targets: Vec<Target>,
    /// What could not be measured, and why.
    pub left_out: Vec<String>,
}

/// The subjects under one set of conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// A name for the plots.
    pub name: String,
    /// What was done.
    pub title: String,
    /// What a ratio compares; empty if there are none.
    pub ratio_of: String,
    /// A line for each subject.
    pub lines: Vec<Line>,
}

/// What one subject came to.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its name.
    pub subject: String,
    /// Its figures; the same names in each line of a table.
    pub figures: Vec<Figure>,
    /// Against the floor, measured next to it each time.
    pub ratio: Option<Spread>,
    /// What a reader has to know.
    pub note: String,
}

/// A number.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is of, with its unit: `p50, us`.
    pub name: &'static str,
    /// The number; none where a subject has none.
    pub value: Option<f64>,
}

/// What was promised.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Of what.
    pub what: String,
    /// The measured figure.
    pub measured: f64,
    /// The promised one.
    pub limit: Limit,
    /// Whether it holds.
    pub holds: bool,
}

/// A bound.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Report {
    /// An empty one.
    pub fn new(facts: Facts) -> Self {
        Self { facts, tables: Vec::new(), targets: Vec::new(), left_out: Vec::new() }
    }

    /// Adds a table, and prints it, so that a run that is cut short has said something.
    pub fn add(&mut self, table: Table) {
        println!("{}", markdown::table(&table));
        self.tables.push(table);
    }

    /// Compares a figure with what was promised.
    pub fn target(&mut self, what: impl Into<String>, measured: f64, limit: Limit) {
        let holds = match limit {
            Limit::AtMost(most) => measured <= most,
            Limit::AtLeast(least) => measured >= least,
        };
        self.targets.push(Target { what: what.into(), measured, limit, holds });
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// All of it in Markdown.
    pub fn markdown(&self) -> String {
        markdown::report(self)
    }
}

/// A whole number with its thousands apart.
pub fn grouped(number: u32) -> String {
    markdown::number(f64::from(number))
}

impl Line {
    /// A line without a ratio or a note.
    pub fn new(subject: impl Into<String>, figures: Vec<Figure>) -> Self {
        Self { subject: subject.into(), figures, ratio: None, note: String::new() }
    }

    /// With its ratio to the floor.
    #[must_use]
    pub fn ratio(mut self, ratio: Spread) -> Self {
        self.ratio = Some(ratio);
        self
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name)?.value
    }
}

impl Figure {
    /// A number and what it is of.
    pub fn new(name: &'static str, value: impl Into<Option<f64>>) -> Self {
        Self { name, value: value.into().filter(|value| value.is_finite()) }
    }
}
