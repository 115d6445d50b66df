//! A table of subjects and their figures.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::number::number;
use crate::statistics::Spread;

/// A table: some subjects under the same conditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// The name by which the plots find this table.
    pub name: String,
    /// The title, which says what was done.
    pub title: String,
    /// The two things whose ratios the table shows; empty if there are none.
    pub ratio_of: String,
    /// A line for each subject.
    pub lines: Vec<Line>,
}

/// The figures of one subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// The subject's name.
    pub subject: String,
    /// The figures; every line of a table has figures of the same names.
    pub figures: Vec<Figure>,
    /// The ratio to the floor, which was measured next to this subject in every round.
    pub ratio: Option<Spread>,
    /// A remark on this line, for the reader.
    pub note: String,
}

/// A number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// The name of the figure, with its unit: `p50, us`.
    pub name: Cow<'static, str>,
    /// The number, or `None` where a subject has none.
    pub value: Option<f64>,
}

impl Table {
    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n| subject |", self.title);
        let names = self.lines.first().map_or(&[][..], |line| &line.figures);
        let (ratios, notes) = (
            self.lines.iter().any(|line| line.ratio.is_some()),
            self.lines.iter().any(|line| !line.note.is_empty()),
        );
        for figure in names {
            let _ = write!(text, " {} |", figure.name);
        }
        if ratios {
            let _ = write!(text, " {} | p25 - p75 |", self.ratio_of);
        }
        text += if notes { " |\n|---|" } else { "\n|---|" };
        text += &"--:|".repeat(names.len() + 2 * usize::from(ratios));
        text += if notes { "---|\n" } else { "\n" };
        for line in &self.lines {
            let _ = write!(text, "| {} |", line.subject);
            for figure in &line.figures {
                let _ = write!(text, " {} |", figure.value.map_or_else(|| "-".to_owned(), number));
            }
            if ratios {
                match line.ratio {
                    Some(ratio) => {
                        let _ = write!(
                            text,
                            " {:.3} | {:.3} - {:.3} |",
                            ratio.median, ratio.p25, ratio.p75
                        );
                    }
                    None => text += " - | - |",
                }
            }
            if notes {
                let _ = write!(text, " {} |", line.note);
            }
            text += "\n";
        }
        text
    }
}

impl Line {
    /// A line without a ratio or a note.
    pub fn new(subject: impl Into<String>, figures: Vec<Figure>) -> Self {
        Self { subject: subject.into(), figures, ratio: None, note: String::new() }
    }

    /// Adds the ratio to the floor.
    #[must_use]
    pub fn ratio(mut self, ratio: Spread) -> Self {
        self.ratio = Some(ratio);
        self
    }

    /// Adds a note.
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
    /// A number and what it says.
    pub fn new(name: &'static str, value: impl Into<Option<f64>>) -> Self {
        Self { name: name.into(), value: value.into().filter(|value| value.is_finite()) }
    }
}
