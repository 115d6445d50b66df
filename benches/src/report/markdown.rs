//! A report in Markdown.

use std::fmt::Write as _;

use super::Report;

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
        let _ = writeln!(text, "{}", target.row());
    }
    for table in &report.tables {
        text += "\n";
        text += &table.markdown();
    }
    text
}
