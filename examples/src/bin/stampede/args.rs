//! The command line.

use lexopt::prelude::{Long, Short, ValueExt as _};

pub(crate) const USAGE: &str = "\
Usage: stampede [--requests N] [--redis URL] [--json]

Sends N requests at once for one cold key whose value is a slow SQLite query: first
through a plain cache-aside, then through a function with #[cachefence(..)].

  --requests N   how many requests, 1 to 10000 (default 500)
  --redis URL    cache in this Redis, e.g. redis://127.0.0.1:6379 (default: in memory)
  --json         print one JSON object instead of the table
  -h, --help     print this
";

const MOST_REQUESTS: usize = 10_000;

/// What the user wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Run(Args),
    Help,
}

/// The options of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) requests: usize,
    pub(crate) redis: Option<String>,
    pub(crate) json: bool,
}

impl Command {
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Args { requests: 500, redis: None, json: false };
        while let Some(arg) = parser.next()? {
            match arg {
                Long("requests") => args.requests = requests(&parser.value()?.string()?)?,
                Long("redis") => args.redis = Some(parser.value()?.string()?),
                Long("json") => args.json = true,
                Long("help") | Short('h') => return Ok(Self::Help),
                unknown => return Err(unknown.unexpected()),
            }
        }
        Ok(Self::Run(args))
    }
}

fn requests(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=MOST_REQUESTS).contains(&number) => Ok(number),
        _ => Err(format!("--requests takes a number from 1 to {MOST_REQUESTS}, not `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Command};

    fn parse(args: &[&str]) -> Result<Command, String> {
        Command::parse(lexopt::Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let args = Args { requests: 500, redis: None, json: false };
        assert_eq!(parse(&[]), Ok(Command::Run(args)));
    }

    #[test]
    fn every_option() {
        let args = Args { requests: 10_000, redis: Some("redis://h:1".to_owned()), json: true };
        let parsed = parse(&["--json", "--requests", "10000", "--redis=redis://h:1"]);
        assert_eq!(parsed, Ok(Command::Run(args)));
    }

    #[test]
    fn help_wins() {
        assert_eq!(parse(&["--json", "-h", "--nonsense"]), Ok(Command::Help));
    }

    #[test]
    fn the_number_of_requests_is_bounded() {
        for number in ["0", "10001", "-1", "many", "", "1.5"] {
            let error = parse(&[&format!("--requests={number}")]).unwrap_err();
            assert!(error.contains("from 1 to 10000"), "{number}: {error}");
        }
    }

    #[test]
    fn what_is_unknown_or_unfinished_is_named() {
        for (args, name) in [
            (["--nonsense"], "--nonsense"),
            (["-x"], "-x"),
            (["word"], "word"),
            (["--redis"], "--redis"),
            (["--json=1"], "--json"),
        ] {
            let error = parse(&args).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
