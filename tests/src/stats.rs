//! The server's own counts: what `INFO commandstats` says of the commands that a test has caused.

use std::collections::BTreeMap;

/// The commands by which the harness reads and resets the counts. They would count themselves.
const OF_THE_HARNESS: [&str; 3] = ["info", "config|resetstat", "config"];

/// Reads the answer to `INFO commandstats`: `cmdstat_get:calls=2,usec=5,..` becomes `("get", 2)`.
pub(crate) fn parse(info: &str) -> BTreeMap<String, u64> {
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
