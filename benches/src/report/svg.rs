//! Two kinds of plot as SVG, bars and lines. Their colours can be read on white and on black.

use std::fmt::Write as _;

use super::axis::{Axis, Range, tick};
use super::number::number;

const WIDTH: f64 = 760.0;
const TEXT: &str = "#768390";
const GRID: &str = "#76839044";
/// The first colour is cachefence's.
const COLOURS: [&str; 7] =
    ["#2f81f7", "#8b949e", "#d9730d", "#3a9a4b", "#a05fd6", "#d1495b", "#1b9aaa"];

/// A bar: a value, and the two values between which half of the measurements lie.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) spread: Option<(f64, f64)>,
    pub(super) ours: bool,
}

/// Bars under a heading.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

/// A line through points.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) ours: bool,
}

fn frame(height: f64, title: &str, content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"13\" fill=\"{TEXT}\">\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"600\">{}</text>\n{content}</svg>\n",
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A plot of horizontal bars; `mark` is a value that all bars are compared with.
pub(super) fn bars(title: &str, axis: &Axis, groups: &[Group], mark: Option<f64>) -> String {
    const LEFT: f64 = 250.0;
    const RIGHT: f64 = 70.0;
    const BAR: f64 = 22.0;
    const HEADING: f64 = 30.0;
    let length = WIDTH - LEFT - RIGHT;
    let all = groups.iter().flat_map(|group| &group.bars);
    let values = all.flat_map(|bar| [bar.value, bar.spread.map_or(bar.value, |(_, high)| high)]);
    let range = Range::of(values.chain(mark), axis.scale);
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let (top, bottom) = (44.0, 44.0 + groups.len() as f64 * HEADING + bars as f64 * BAR);
    let x = |value: f64| LEFT + range.place(value) * length;
    let mut text = String::new();
    for &value in &range.ticks {
        let _ = writeln!(
            text,
            "<line x1=\"{0:.1}\" y1=\"{top}\" x2=\"{0:.1}\" y2=\"{bottom}\" stroke=\"{GRID}\"/>\
             <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
            x(value),
            bottom + 18.0,
            tick(value)
        );
    }
    let mut y = top;
    for group in groups {
        let _ = writeln!(
            text,
            "<text x=\"16\" y=\"{}\" font-weight=\"600\">{}</text>",
            y + 20.0,
            escaped(&group.title)
        );
        y += HEADING;
        for bar in &group.bars {
            let colour = COLOURS[usize::from(!bar.ours)];
            let end = x(bar.value);
            // A bar begins at the mark if there is one, else at the left end.
            let from = mark.map_or(LEFT, x);
            let _ = writeln!(
                text,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" rx=\"2\" fill=\"{colour}\"/>",
                LEFT - 8.0,
                y + 15.0,
                escaped(&bar.label),
                from.min(end),
                y + 3.0,
                (end - from).abs().max(1.0),
                BAR - 6.0
            );
            let mut beside = end.max(from);
            if let Some((low, high)) = bar.spread {
                beside = beside.max(x(high));
                let middle = y + BAR / 2.0;
                let _ = writeln!(
                    text,
                    "<path d=\"M{0:.1} {2}H{1:.1}M{0:.1} {3}v8M{1:.1} {3}v8\" stroke=\"{TEXT}\" stroke-width=\"1.5\" fill=\"none\"/>",
                    x(low),
                    x(high),
                    middle,
                    middle - 4.0
                );
            }
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{}\">{}</text>",
                beside + 6.0,
                y + 15.0,
                number(bar.value)
            );
            y += BAR;
        }
    }
    if let Some(mark) = mark {
        let _ = writeln!(
            text,
            "<line x1=\"{0:.1}\" y1=\"{top}\" x2=\"{0:.1}\" y2=\"{bottom}\" stroke=\"{TEXT}\" stroke-dasharray=\"4 3\"/>",
            x(mark)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        LEFT + length / 2.0,
        bottom + 38.0,
        escaped(&axis.title)
    );
    frame(bottom + 52.0, title, &text)
}

/// A plot of lines through points, with a legend.
pub(super) fn lines(title: &str, across: &Axis, up: &Axis, series: &[Series]) -> String {
    const LEFT: f64 = 76.0;
    const RIGHT: f64 = 230.0;
    const HEIGHT: f64 = 420.0;
    const TOP: f64 = 50.0;
    const BOTTOM: f64 = HEIGHT - 60.0;
    let right = WIDTH - RIGHT;
    let points = || series.iter().flat_map(|series| &series.points);
    let (xs, ys) = (
        Range::of(points().map(|point| point.0), across.scale),
        Range::of(points().map(|point| point.1), up.scale),
    );
    let x = |value: f64| LEFT + xs.place(value) * (right - LEFT);
    let y = |value: f64| BOTTOM - ys.place(value) * (BOTTOM - TOP);
    let mut text = String::new();
    for &value in &xs.ticks {
        let _ = writeln!(
            text,
            "<line x1=\"{0:.1}\" y1=\"{TOP}\" x2=\"{0:.1}\" y2=\"{BOTTOM}\" stroke=\"{GRID}\"/>\
             <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
            x(value),
            BOTTOM + 18.0,
            tick(value)
        );
    }
    for &value in &ys.ticks {
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{right}\" y2=\"{0:.1}\" stroke=\"{GRID}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            LEFT - 8.0,
            y(value) + 4.0,
            tick(value)
        );
    }
    let mut other = 0;
    for (place, series) in series.iter().enumerate() {
        let (colour, width) = if series.ours {
            (COLOURS[0], 3.0)
        } else {
            other = other % (COLOURS.len() - 1) + 1;
            (COLOURS[other], 1.8)
        };
        let path: Vec<_> = series
            .points
            .iter()
            .map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up)))
            .collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            path.join(" ")
        );
        for (across, up) in &series.points {
            let _ = writeln!(
                text,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                x(*across),
                y(*up)
            );
        }
        let legend = TOP + 8.0 + 22.0 * place as f64;
        let _ = writeln!(
            text,
            "<line x1=\"{}\" y1=\"{legend}\" x2=\"{}\" y2=\"{legend}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            right + 16.0,
            right + 36.0,
            right + 42.0,
            legend + 4.0,
            escaped(&series.label)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, right),
        BOTTOM + 42.0,
        escaped(&across.title),
        f64::midpoint(TOP, BOTTOM),
        escaped(&up.title)
    );
    frame(HEIGHT, title, &text)
}
