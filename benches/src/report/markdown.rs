//! A report in Markdown.

use std::fmt::Write as _;

use super::number::number;
use super::{Limit, Report};

/// The whole report: the facts, the targets and every table.
pub fn markdown(report: &Report) -> String {
    let facts = &report.facts;
    let mut text = format!(
        "# Figures\n\n{}, {} cores; redis-server {}; {}; {}. Form: {}.\n",
        facts.processor,
        facts.cores,
        facts.redis,
        facts.rustc,
        facts.packages.join(", "),
        facts.form
    );
    if !report.left_out.is_empty() {
        text += "\nLeft out:\n\n";
        for reason in &report.left_out {
            let _ = writeln!(text, "- {reason}");
        }
    }
    text += "\n## Targets\n\n| target | measured | promised | |\n|---|--:|--:|---|\n";
    for target in &report.targets {
        let limit = match target.limit {
            Limit::AtMost(most) => format!("<= {}", number(most)),
            Limit::AtLeast(least) => format!(">= {}", number(least)),
        };
        let holds = if target.holds { "holds" } else { "**missed**" };
        let _ =
            writeln!(text, "| {} | {} | {limit} | {holds} |", target.what, number(target.measured));
    }
    for table in &report.tables {
        text += "\n";
        text += &table.markdown();
    }
    text
}
