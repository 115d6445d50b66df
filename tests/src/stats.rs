//! The server's own counts: what `INFO commandstats` says of the commands that a test has caused.

use std::collections::BTreeMap;

use crate::RedisServer;

/// The commands by which the harness reads and resets the counts. They would count themselves.
const OF_THE_HARNESS: [&str; 3] = ["info", "config|resetstat", "config"];

impl RedisServer {
    /// Returns how often each command ran since the start or [`reset_stats`](Self::reset_stats), in lower case.
    ///
    /// Commands that a script called count too, as they do for the server; `INFO` and `CONFIG` do not. Since Redis 7
    /// a subcommand has its own count: `client|tracking`.
    ///
    /// # Panics
    ///
    /// As [`cli`](Self::cli).
    #[track_caller]
    pub fn command_stats(&self) -> BTreeMap<String, u64> {
        parse(&self.cli(&["INFO", "commandstats"]))
    }

    /// Returns how often one command ran; see [`command_stats`](Self::command_stats).
    ///
    /// # Panics
    ///
    /// As [`cli`](Self::cli).
    #[track_caller]
    pub fn command_count(&self, command: &str) -> u64 {
        self.command_stats().get(&command.to_ascii_lowercase()).copied().unwrap_or(0)
    }

    /// Returns one number of a section of `INFO`: `server.info("stats", "total_connections_received")`.
    ///
    /// # Panics
    ///
    /// As [`cli`](Self::cli), and when this version of Redis does not say it.
    #[track_caller]
    pub fn info(&self, section: &str, name: &str) -> u64 {
        let info = self.cli(&["INFO", section]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.and_then(|value| value.trim().parse().ok());
        value.unwrap_or_else(|| panic!("INFO {section} does not say {name}:\n{info}"))
    }

    /// Sets all counts to zero.
    ///
    /// # Panics
    ///
    /// As [`cli`](Self::cli).
    #[track_caller]
    pub fn reset_stats(&self) {
        self.cli(&["CONFIG", "RESETSTAT"]);
    }
}

/// Reads the answer to `INFO commandstats`: `cmdstat_get:calls=2,usec=5,..` becomes `("get", 2)`.
fn parse(info: &str) -> BTreeMap<String, u64> {
    info.lines()
        .filter_map(|line| {
            let (command, counters) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = counters.strip_prefix("calls=")?.split(',').next()?.parse().ok()?;
            Some((command.to_ascii_lowercase(), calls))
        })
        .filter(|(command, _)| !OF_THE_HARNESS.contains(&command.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn counts_are_read_and_the_harness_is_left_out() {
        let info = "# Commandstats\r\n\
                    cmdstat_get:calls=12,usec=5,usec_per_call=0.42,rejected_calls=0,failed_calls=0\r\n\
                    cmdstat_client|tracking:calls=1,usec=1\r\n\
                    cmdstat_info:calls=3,usec=9\r\n\
                    cmdstat_config|resetstat:calls=1,usec=9\r\n";
        let stats = parse(info);
        assert_eq!(stats.len(), 2, "{stats:?}");
        assert_eq!(stats["get"], 12);
        assert_eq!(stats["client|tracking"], 1);
    }
}
