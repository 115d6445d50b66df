//! Runs the scenarios: `bench [--quick] [--python <program>] [--before <folder>] [--out <folder>] [scenario..]`.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use cachefence_benches::lab::Lab;
use cachefence_benches::report::{Facts, Report, markdown, plots};
use cachefence_benches::scenario;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut quick, mut python, mut before) = (false, None, None);
    let mut out = PathBuf::from("results");
    let mut chosen = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--python" => python = arguments.next().map(PathBuf::from),
            "--before" => before = arguments.next().map(PathBuf::from),
            "--out" => out = arguments.next().map(PathBuf::from).expect("`--out` names a folder"),
            name if scenario::ALL.iter().any(|(known, _)| *known == name) => {
                chosen.push(argument);
            }
            other => {
                let names = scenario::ALL.map(|(name, _)| name).join(", ");
                panic!("`{other}` is none of --quick, --python, --before, --out, {names}");
            }
        }
    }
    let lab = Lab::new(quick, python, before);
    let mut report = Report::new(Facts::gather(lab.cores(), quick, lab.python.as_deref()));
    if lab.python.is_none() {
        report.left_out.push("the Python package: no Python that has it".to_owned());
    }
    for (name, run) in scenario::ALL {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            let begun = Instant::now();
            run(&lab, &mut report);
            eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
        }
    }

    fs::create_dir_all(&out).expect("the folder can be made");
    let json = serde_json::to_vec_pretty(&report).expect("a report is JSON");
    fs::write(out.join("results.json"), json).expect("the folder can be written to");
    let text = markdown(&report);
    fs::write(out.join("results.md"), &text).expect("the folder can be written to");
    for (name, plot) in plots::all(&report) {
        fs::write(out.join(name).with_extension("svg"), plot)
            .expect("the folder can be written to");
    }
    // The tables have been printed one by one.
    println!("{}", text.split("\n### ").next().unwrap_or_default());
}
