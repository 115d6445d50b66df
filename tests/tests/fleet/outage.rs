//! What the log of a service says of a Redis that is killed and comes back.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use cachefence_tests::{DEADLINE, RedisServer};

#[test]
fn an_outage_is_said_once_and_its_end_once() {
    let mut server = RedisServer::start();
    let mut service = Command::new(env!("CARGO_BIN_EXE_outage"))
        .arg(server.url())
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = service.stdout.take().expect("it is piped");
    let (tell, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The test may have failed meanwhile.
            let _ = tell.send(line);
        }
    });
    let says = |text: &str, said: &mut Vec<String>| {
        while !said.last().is_some_and(|line| line.contains(text)) {
            said.push(lines.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{text}: {said:?}")));
        }
    };
    let mut said = Vec::new();
    // The service has been built, which takes three scripts, and loads.
    while server.command_count("evalsha") <= 3 {
        thread::yield_now();
    }
    server.kill();
    // A call tries twice to connect, and five that fail open the breaker. The others are probes.
    let nobody = TcpListener::bind(("127.0.0.1", server.port())).expect("the port is free");
    for _ in 0..20 {
        drop(nobody.accept().expect("the service tries"));
    }
    drop(nobody);
    says("Redis at", &mut said);
    server.restart();
    says("answers again", &mut said);
    drop(service.stdin.take());
    says("bypasses", &mut said);
    assert!(service.wait().expect("it runs").success());
    reader.join().expect("it reads");

    let [down @ .., up, summary] = &said[..] else { panic!("{said:#?}") };
    // A connection that nobody takes, and one that is ended at once, are two troubles. Each is said once.
    let troubles = ["is it running", "ended the connection"];
    let said_of = |trouble: &str| down.iter().filter(|line| line.contains(trouble)).count();
    assert!(troubles.iter().all(|trouble| said_of(trouble) <= 1), "{said:#?}");
    assert_eq!(troubles.map(said_of).iter().sum::<usize>(), down.len(), "{said:#?}");
    for line in down {
        assert!(line.contains(" WARN ") && line.contains("cache=\"rates\""), "{said:#?}");
    }
    assert!(up.contains(" INFO ") && up.contains("bodies ran meanwhile"), "{said:#?}");
    let count = |reason: &str| -> u64 {
        let (_, rest) = summary.split_once(&format!("{reason}: ")).expect("it is counted");
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
    };
    assert!(summary.contains("Up"), "{summary}");
    assert!(count("store_failed") >= 1 && count("store_down") >= 1, "{summary}");
    let others = ["store_slow", "waited_too_long", "not_shared", "recursive", "not_usable"];
    assert!(others.iter().all(|reason| count(reason) == 0), "{summary}");
}
