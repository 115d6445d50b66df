//! Targets: the bound that was promised of a figure.

use serde::{Deserialize, Serialize};

use super::number::number;

/// A promise about one figure, and whether it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// What the figure says.
    pub what: String,
    /// The measured figure.
    pub measured: f64,
    /// The promised bound.
    pub limit: Limit,
    /// Whether the figure keeps to the bound.
    pub holds: bool,
}

/// A bound of a figure.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Limit {
    /// The figure is no more than this.
    AtMost(f64),
    /// The figure is no less than this.
    AtLeast(f64),
}

impl Target {
    /// The target as a row of a table in Markdown.
    pub fn row(&self) -> String {
        let promised = match self.limit {
            Limit::AtMost(most) => format!("≤ {}", number(most)),
            Limit::AtLeast(least) => format!("≥ {}", number(least)),
        };
        let verdict = if self.holds { "reached" } else { "**missed**" };
        format!("| {} | {} | {promised} | {verdict} |", self.what, number(self.measured))
    }

    /// Compares a figure with its bound.
    pub fn new(what: impl Into<String>, measured: f64, limit: Limit) -> Self {
        let holds = match limit {
            Limit::AtMost(most) => measured <= most,
            Limit::AtLeast(least) => measured >= least,
        };
        Self { what: what.into(), measured, limit, holds }
    }
}
