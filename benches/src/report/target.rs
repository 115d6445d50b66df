//! Targets: the bound that was promised of a figure.

use serde::Serialize;

/// A promise about one figure, and whether it holds.
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, Copy, Serialize)]
pub enum Limit {
    /// The figure is no more than this.
    AtMost(f64),
    /// The figure is no less than this.
    AtLeast(f64),
}

impl Target {
    /// Compares a figure with its bound.
    pub fn new(what: impl Into<String>, measured: f64, limit: Limit) -> Self {
        let holds = match limit {
            Limit::AtMost(most) => measured <= most,
            Limit::AtLeast(least) => measured >= least,
        };
        Self { what: what.into(), measured, limit, holds }
    }
}
