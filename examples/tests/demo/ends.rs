//! What is left when the demo ends.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::browser::{Browser, DEADLINE};
use crate::guard::Group;
use crate::service::Demo;
use crate::visit::alone;

#[test]
fn nothing_is_left_when_the_demo_is_told_to_end() {
    alone(|| {
        let mut demo = Demo::start(&[]);
        let started = demo.processes();
        let servers = started.iter().filter(|process| process.command.contains("redis-server"));
        assert!(servers.count() >= 1 && started.len() >= 3, "{started:#?}");
        assert!(demo.end("TERM").success());
    });
}

#[test]
fn nothing_is_left_when_ctrl_c_ends_the_demo() {
    alone(|| assert!(Demo::start(&["--memory"]).end("INT").success()));
}

#[test]
fn nothing_is_left_when_the_demo_is_killed() {
    alone(|| {
        let mut demo = Demo::start(&[]);
        assert!(demo.processes().len() >= 3, "workers and Redis");
        assert!(!demo.end("KILL").success());
    });
}

#[test]
fn nothing_is_left_when_each_process_is_told_to_end() {
    alone(|| Demo::start(&[]).end_each("TERM"));
}

#[test]
fn the_demo_runs_in_memory_where_there_is_no_redis() {
    alone(|| {
        let demo = Demo::start_with(&[], &[("PATH", "/nonexistent")]);
        assert!(demo.said.contains("cache: memory of each worker ("), "{}", demo.said);
        let state = demo.until("requests are answered", |state| {
            state["sides"]["fenced"]["requests_total"].as_u64() > Some(0)
        });
        assert_eq!(state["store"]["kind"], "memory");
        assert_ne!(state["buttons"]["redis"]["why"], "");
        demo.end("TERM");
    });
}

#[test]
fn the_page_says_that_the_demo_has_ended() {
    alone(|| {
        let Some(browser) = Browser::start() else { return };
        let demo = Demo::start(&["--memory"]);
        browser.open(&demo.url());
        browser.until("the page is live", "document.body.dataset.live === 'true'");
        demo.end("TERM");
        browser.until("the page is not live", "document.body.dataset.live === 'false'");
    });
}

#[test]
fn nothing_stays_on_a_redis_that_was_there_before() {
    alone(|| {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a free port").port().to_string();
        let mut server = Command::new("redis-server");
        server.args(["--bind", "127.0.0.1", "--port", &port, "--save", ""]).stdout(Stdio::null());
        let _server = Group::spawn(&mut server).expect("redis-server is installed");
        let url = format!("redis://127.0.0.1:{port}/");
        let client = redis::Client::open(url.as_str()).expect("a URL");
        let begun = Instant::now();
        let mut connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(error) => assert!(begun.elapsed() < DEADLINE, "{error}"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        let mut keys = || -> Vec<String> {
            redis::cmd("KEYS").arg("*").query(&mut connection).expect("Redis answers")
        };

        let demo = Demo::start(&["--redis", &url]);
        let state = demo.until("values are stored", |_| keys().len() > 1);
        assert_ne!(state["buttons"]["redis"]["why"], "");
        assert!(demo.end("TERM").success());
        assert_eq!(keys(), [""; 0]);
    });
}
