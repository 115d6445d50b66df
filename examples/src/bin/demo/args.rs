//! The command line: what a user may ask for, and how the program starts itself again as a part of the demo.

use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt as _};

pub(crate) const USAGE: &str = "\
Usage: demo [--port N] [--redis URL | --memory]

Serves a page on 127.0.0.1 that shows a naive cache and a fenced one side by side, live: two worker
processes, a real database, and the same load on both sides. Ctrl-C ends it.

  --port N     the page's port; 0 is a free one (default 7878, or a free one if that is taken)
  --redis URL  cache in this Redis, e.g. redis://127.0.0.1:6379 (default: one that is started for the demo)
  --memory     cache in the memory of each worker
  -h, --help   print this
";

pub(crate) const DEFAULT_PORT: u16 = 7878;

/// The variable that holds a worker's Redis URL.
pub(crate) const WORKER_REDIS: &str = "CACHEFENCE_DEMO_WORKER_REDIS";

/// How the name of the demo's temporary directory begins.
pub(crate) const DIR_PREFIX: &str = "cachefence-demo-";

/// The part that this process plays: the demo itself, or one of its children.
#[derive(Debug, PartialEq)]
pub(crate) enum Role {
    Help,
    Demo(Args),
    /// A process that serves requests.
    Worker(WorkerArgs),
    /// A process that holds a Redis until its standard input ends.
    Redis(RedisArgs),
    /// A process that removes this directory when its standard input ends.
    Cleanup(PathBuf),
}

/// The options of the user.
#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    /// `None` is the default, or a free port where that is taken.
    pub(crate) port: Option<u16>,
    pub(crate) cache: CacheChoice,
}

#[derive(Debug, PartialEq)]
pub(crate) enum CacheChoice {
    /// A Redis of the demo's own, or memory where none is installed.
    Own,
    Redis(String),
    Memory,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WorkerArgs {
    pub(crate) database: PathBuf,
    pub(crate) namespace: String,
    /// From the environment, under the name [`WORKER_REDIS`]; `None` is memory.
    pub(crate) redis: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RedisArgs {
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
}

impl Role {
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut args = Args { port: None, cache: CacheChoice::Own };
        let (mut redis, mut memory, mut first) = (None, false, true);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("port") => args.port = Some(parser.value()?.parse()?),
                Long("redis") => redis = Some(parser.value()?.string()?),
                Long("memory") => memory = true,
                Long("help") | Short('h') => return Ok(Self::Help),
                Value(part) if first && part == "worker" => return worker(parser),
                Value(part) if first && part == "redis" => return own_redis(parser),
                Value(part) if first && part == "cleanup" => return cleanup(parser),
                unknown => return Err(unknown.unexpected()),
            }
            first = false;
        }
        args.cache = match (redis, memory) {
            (None, false) => CacheChoice::Own,
            (None, true) => CacheChoice::Memory,
            (Some(url), false) => CacheChoice::Redis(url),
            (Some(_), true) => return Err("--redis and --memory exclude each other".into()),
        };
        Ok(Self::Demo(args))
    }
}

fn worker(mut parser: lexopt::Parser) -> Result<Role, lexopt::Error> {
    let mut args = WorkerArgs::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("database") => args.database = parser.value()?.into(),
            Long("namespace") => args.namespace = parser.value()?.string()?,
            unknown => return Err(unknown.unexpected()),
        }
    }
    args.redis = std::env::var(WORKER_REDIS).ok();
    Ok(Role::Worker(args))
}

fn own_redis(mut parser: lexopt::Parser) -> Result<Role, lexopt::Error> {
    let mut args = RedisArgs::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("port") => args.port = parser.value()?.parse()?,
            Long("dir") => args.dir = parser.value()?.into(),
            unknown => return Err(unknown.unexpected()),
        }
    }
    Ok(Role::Redis(args))
}

/// Accepts no directory but the demo's own, since it will be removed.
fn cleanup(mut parser: lexopt::Parser) -> Result<Role, lexopt::Error> {
    let dir = PathBuf::from(parser.value()?);
    let name = dir.file_name().unwrap_or_default();
    if name.as_encoded_bytes().starts_with(DIR_PREFIX.as_bytes()) {
        return Ok(Role::Cleanup(dir));
    }
    Err(format!("{} is not a directory of the demo", dir.display()).into())
}

#[cfg(test)]
mod tests {
    use super::{Args, CacheChoice, RedisArgs, Role, WorkerArgs};

    fn parse(args: &[&str]) -> Result<Role, String> {
        Role::parse(lexopt::Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_user_chooses_the_port_and_the_cache() {
        let demo = |port, cache| Ok(Role::Demo(Args { port, cache }));
        assert_eq!(parse(&[]), demo(None, CacheChoice::Own));
        assert_eq!(parse(&["--port", "0"]), demo(Some(0), CacheChoice::Own));
        assert_eq!(parse(&["--memory", "--port=80"]), demo(Some(80), CacheChoice::Memory));
        let redis = CacheChoice::Redis("redis://h:1".to_owned());
        assert_eq!(parse(&["--redis", "redis://h:1"]), demo(None, redis));
        assert_eq!(parse(&["--port=1", "-h", "--nonsense"]), Ok(Role::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (args, name) in [
            (&["--nonsense"][..], "--nonsense"),
            (&["word"], "word"),
            (&["--port", "65536"], "65536"),
            (&["--port"], "--port"),
            (&["--memory", "--redis=redis://h"], "exclude"),
            (&["--memory", "worker"], "worker"),
            (&["cleanup", "/home"], "/home"),
            (&["cleanup", "/cachefence-demo-x/.."], "is not"),
        ] {
            let error = parse(args).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn parts_of_the_demo_are_told_what_they_need() {
        let worker = WorkerArgs { database: "/d/o".into(), namespace: "n".to_owned(), redis: None };
        let args = ["worker", "--database=/d/o", "--namespace=n"];
        assert_eq!(parse(&args), Ok(Role::Worker(worker)));
        let redis = RedisArgs { port: 7, dir: "/d".into() };
        assert_eq!(parse(&["redis", "--port=7", "--dir=/d"]), Ok(Role::Redis(redis)));
        let dir = "/tmp/cachefence-demo-x";
        assert_eq!(parse(&["cleanup", dir]), Ok(Role::Cleanup(dir.into())));
    }
}
