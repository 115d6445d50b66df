//! What is left when the demo ends.

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
fn the_demo_runs_in_memory_where_there_is_no_redis() {
    alone(|| {
        let demo = Demo::start_with(&[], &[("PATH", "/nonexistent")]);
        assert!(demo.said.contains("cache: memory of each worker ("), "{}", demo.said);
        let state = demo.until("requests are answered", |state| {
            state["sides"]["fenced"]["requests_total"].as_u64() > Some(0)
        });
        assert_eq!(state["store"]["kind"], "memory");
        assert_eq!(state["buttons"]["redis"]["enabled"], false);
        demo.end("TERM");
    });
}
