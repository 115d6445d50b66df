//! Reads `cargo metadata --format-version 1` and prints sets of features of `cachefence`, one a line: with the argument
//! `each` none, each one alone, those of `default` and all; with `pairs` each pair. `tests/features` checks them.

use std::error::Error;
use std::{env, io};

use cachefence_tests::features;

fn main() -> Result<(), Box<dyn Error>> {
    let features = features(&io::read_to_string(io::stdin())?)?;
    if features.is_empty() {
        return Err("no package cachefence".into());
    }
    let all: Vec<&str> = features.keys().map(String::as_str).collect();
    let single: Vec<&str> = all.iter().copied().filter(|&name| name != "default").collect();
    match env::args().nth(1).as_deref() {
        Some("each") => println!("\n{}\n{}", all.join("\n"), single.join(",")),
        Some("pairs") => {
            for (at, one) in single.iter().enumerate() {
                for other in &single[at + 1..] {
                    println!("{one},{other}");
                }
            }
        }
        _ => return Err("the argument is `each` or `pairs`".into()),
    }
    Ok(())
}
