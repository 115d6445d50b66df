//! Commands and answers, in Redis's protocol.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::proxy::words;

/// Commands whose second word is a part of their names.
const CONTAINERS: [&str; 5] = ["CLUSTER", "CLIENT", "SCRIPT", "CONFIG", "SENTINEL"];

/// A command that has come.
#[derive(Clone, Debug)]
pub struct Command {
    name: String,
    words: Vec<Vec<u8>>,
}

impl Command {
    pub(super) fn parse(message: &[u8]) -> Self {
        let words = words(message);
        let upper = |i: usize| {
            let word: &[u8] = words.get(i).map_or(&[], Vec::as_slice);
            String::from_utf8_lossy(word).to_ascii_uppercase()
        };
        let mut name = upper(0);
        if CONTAINERS.contains(&name.as_str()) {
            name = format!("{name} {}", upper(1));
        }
        Self { name, words }
    }

    /// The name in upper case: `GET`, `CLUSTER SLOTS`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A word of it: 0 is its name, 1 the key of most commands. Empty if there is none.
    pub fn arg(&self, i: usize) -> &[u8] {
        self.words.get(i).map_or(&[], Vec::as_slice)
    }

    /// Its words.
    pub fn words(&self) -> &[Vec<u8>] {
        &self.words
    }

    /// Whether it is one of those that set up a connection.
    pub(super) fn is_login(&self) -> bool {
        ["HELLO", "AUTH", "SELECT", "CLIENT SETINFO", "CLIENT SETNAME"].contains(&self.name())
    }

    /// The answer of an empty node.
    pub(super) fn usual(&self) -> Vec<u8> {
        let reply = match self.name() {
            "HELLO" => hello(self.arg(1) == b"3"),
            "AUTH" | "SELECT" | "CLIENT SETINFO" | "CLIENT SETNAME" | "CLIENT TRACKING"
            | "CLIENT CACHING" | "ASKING" | "READONLY" | "SET" => "+OK\r\n".to_owned(),
            "PING" => "+PONG\r\n".to_owned(),
            "DEL" => ":0\r\n".to_owned(),
            "GET" => "$-1\r\n".to_owned(),
            "MGET" => array(vec!["$-1\r\n".to_owned(); self.words.len().saturating_sub(1)]),
            "TIME" => time(),
            "INFO" => string("redis_version:7.0.15\r\ncluster_enabled:1\r\n"),
            "CLUSTER INFO" => string("cluster_enabled:1\r\ncluster_state:ok\r\n"),
            "SCRIPT LOAD" => string(&"0".repeat(40)),
            "EVALSHA" => "-NOSCRIPT No matching script. Please use EVAL.\r\n".to_owned(),
            name => format!("-ERR unknown command '{name}'\r\n"),
        };
        reply.into_bytes()
    }
}

/// The answer to a command, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer of a node of a cluster that holds no key.
    Usual,
    /// These bytes.
    Reply(Vec<u8>),
    /// None, and none to all that comes later on this connection, which stays open.
    Nothing,
    /// None, and the connection is closed.
    Close,
}

impl Answer {
    /// An error: `Answer::error("TRYAGAIN Multiple keys request during rehashing of slot")`.
    pub fn error(words: &str) -> Self {
        Self::Reply(format!("-{words}\r\n").into_bytes())
    }

    /// `MOVED` to the node on this port of 127.0.0.1.
    pub fn moved(slot: u16, port: u16) -> Self {
        Self::error(&format!("MOVED {slot} 127.0.0.1:{port}"))
    }

    /// `ASK` of the node on this port of 127.0.0.1.
    pub fn ask(slot: u16, port: u16) -> Self {
        Self::error(&format!("ASK {slot} 127.0.0.1:{port}"))
    }

    /// The answer to `CLUSTER SLOTS`: who has which slots, by the ports of 127.0.0.1.
    pub fn slots(owners: &[(RangeInclusive<u16>, u16)]) -> Self {
        let owners = owners.iter().map(|(range, port)| ("127.0.0.1", range.clone(), *port));
        Self::slots_at(owners)
    }

    /// As [`slots`](Self::slots), with hosts of any name.
    pub fn slots_at<'a>(
        owners: impl IntoIterator<Item = (&'a str, RangeInclusive<u16>, u16)>,
    ) -> Self {
        let owner = |(host, range, port): (&str, RangeInclusive<u16>, u16)| {
            let node = [string(host), integer(port), string(&format!("{port:040x}")), array([])];
            array([integer(*range.start()), integer(*range.end()), array(node)])
        };
        Self::Reply(array(owners.into_iter().map(owner)).into_bytes())
    }

    /// A string.
    pub fn string(bytes: &[u8]) -> Self {
        let mut reply = format!("${}\r\n", bytes.len()).into_bytes();
        reply.extend_from_slice(bytes);
        reply.extend_from_slice(b"\r\n");
        Self::Reply(reply)
    }
}

fn hello(is_third: bool) -> String {
    let fields = [string("server"), string("redis"), string("proto"), integer(3)];
    if is_third { format!("%2\r\n{}", fields.concat()) } else { array(fields) }
}

fn time() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    array([string(&now.as_secs().to_string()), string(&now.subsec_micros().to_string())])
}

fn string(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn integer(number: u16) -> String {
    format!(":{number}\r\n")
}

fn array(elements: impl IntoIterator<Item = String>) -> String {
    let (mut count, mut written) = (0, String::new());
    for element in elements {
        count += 1;
        let _ = write!(written, "{element}");
    }
    format!("*{count}\r\n{written}")
}
