//! The report in Markdown.

use std::fmt::Write as _;

use super::{Limit, Report, Table};

pub(super) fn report(report: &Report) -> String {
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
        text += &self::table(table);
    }
    text
}

pub(super) fn table(table: &Table) -> String {
    let mut text = format!("### {}\n\n| subject |", table.title);
    let names = table.lines.first().map_or(&[][..], |line| &line.figures);
    let (ratios, notes) = (
        table.lines.iter().any(|line| line.ratio.is_some()),
        table.lines.iter().any(|line| !line.note.is_empty()),
    );
    for figure in names {
        let _ = write!(text, " {} |", figure.name);
    }
    if ratios {
        let _ = write!(text, " {} | p25 - p75 |", table.ratio_of);
    }
    text += if notes { " |\n|---|" } else { "\n|---|" };
    text += &"--:|".repeat(names.len() + 2 * usize::from(ratios));
    text += if notes { "---|\n" } else { "\n" };
    for line in &table.lines {
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

/// Three digits that matter, and thousands apart.
pub(super) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
        let mut grouped = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{sign}{grouped}")
    } else if value.fract() == 0.0 || magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 1.0 {
        format!("{value:.2}")
    } else if magnitude >= 0.1 {
        format!("{value:.3}")
    } else {
        format!("{value:.4}")
    }
}
