//! What three processes count adds up to what their callers saw, what their bodies did and what the server was asked.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use cachefence_tests::RedisServer;

/// How many calls each of the three processes makes.
const CALLS: u64 = 3_400;

/// Runs three processes of mixed calls, of whose callers `leave` in a thousand leave early, while `disturb` does what it
/// does. Returns the sums of what they print.
fn sums(url: &str, leave: u64, mut disturb: impl FnMut(u64)) -> BTreeMap<String, u64> {
    let start = |seed: u64| -> Child {
        Command::new(env!("CARGO_BIN_EXE_mixed"))
            .args([url, &seed.to_string(), &CALLS.to_string(), &leave.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts")
    };
    let mut processes: Vec<_> = (1..=3).map(start).collect();
    let mut round = 0;
    while processes.iter_mut().any(|process| process.try_wait().expect("it runs").is_none()) {
        disturb(round);
        round += 1;
    }
    let mut sums = BTreeMap::new();
    for process in processes {
        let output = process.wait_with_output().expect("it runs");
        assert!(output.status.success());
        let counts: BTreeMap<String, u64> =
            serde_json::from_slice(&output.stdout).expect("it prints its counts");
        for (name, count) in counts {
            *sums.entry(name).or_default() += count;
        }
    }
    sums
}

/// Puts something else than an entry, or nothing that is a string, under one of the keys.
fn spoil(server: &RedisServer, round: u64) {
    let key = format!("mixed:row:{}", round % 30);
    let (command, value) = [("SET", "no entry"), ("GETDEL", ""), ("LPUSH", "no string")]
        [usize::try_from(round % 3).expect("it is small")];
    let mut spoil = redis::cmd(command);
    spoil.arg(key);
    if !value.is_empty() {
        spoil.arg(value);
    }
    // The server may be full, or the key hold something else: then it is not spoiled this time.
    let _ = spoil.query::<redis::Value>(&mut server.connection());
}

#[track_caller]
fn assert_sums(sums: &BTreeMap<String, u64>) {
    let of = |name: &str| sums.get(name).copied().unwrap_or_default();
    assert_eq!(of("requests"), of("calls that returned"), "{sums:#?}");
    assert_eq!(
        of("requests.loaded") + of("requests.bypassed"),
        of("calls that were served by their own body"),
        "{sums:#?}"
    );
    assert_eq!((of("loads"), of("loads_under_way")), (of("bodies"), 0), "{sums:#?}");
    assert_eq!(of("loads.failed"), of("bodies that failed"), "{sums:#?}");
    assert_eq!(of("loads.panicked"), of("bodies that panicked"), "{sums:#?}");
    // A call may also be dropped after its body has ended, while the store is asked.
    assert!(of("loads.aborted") >= of("bodies that were dropped"), "{sums:#?}");
    for happened in ["bodies that failed", "bodies that panicked"] {
        assert!(of(happened) > 0, "{happened}: {sums:#?}");
    }
}

#[test]
fn the_sums_are_those_of_callers_bodies_and_server() {
    let server = RedisServer::start();
    // Without pushes every acquire is one script: one that was woken might also read first. And nobody leaves early,
    // because an operation whose caller leaves may not have been sent.
    server.cli(&["ACL", "SETUSER", "app", "on", ">pass", "~*", "allchannels", "+@all", "-client"]);
    let url = format!("redis://app:pass@127.0.0.1:{}", server.port());
    server.reset_stats();
    let sums = sums(&url, 0, |round| spoil(&server, round));
    assert_sums(&sums);
    // When it is built, a cache takes a lease and stores a value, to see that it can.
    let checks = 3 * 2;
    let scripts = checks + sums["acquire"] + sums["renew"] + sums["finish"];
    let asked = |command| server.command_count(command);
    assert_eq!(scripts, asked("evalsha"), "{sums:#?} {:#?}", server.command_stats());
    // Each of the two scripts of a load has an `MGET` of its own. A batch of reads has mostly several keys, and one where
    // nobody else came.
    let commands = asked("mget") - (scripts - sums["renew"]);
    let batched = 3 + sums["read"] - asked("get"); // each cache reads once when it is built
    assert!(batched >= commands, "{batched} in {commands}: {:#?}", server.command_stats());
    assert_eq!(batched == 0, commands == 0);
}

#[test]
fn the_sums_are_right_where_connections_are_lost_and_writes_refused() {
    let server = RedisServer::start();
    let sums = sums(&server.url(), 50, |round| {
        spoil(&server, round);
        match round % 100 {
            0 => drop(server.cli(&["CLIENT", "KILL", "TYPE", "normal"])),
            30 => drop(server.cli(&["CONFIG", "SET", "maxmemory", "1"])),
            60 => drop(server.cli(&["CONFIG", "SET", "maxmemory", "0"])),
            _ => {}
        }
    });
    assert_sums(&sums);
    assert!(sums["bypasses"] > 0 && sums["bodies that were dropped"] > 0, "{sums:#?}");
}
