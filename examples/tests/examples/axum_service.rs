//! What the service does, in memory and on Redis.

use std::thread;

use cachefence_tests::RedisServer;

use crate::service::{Answer, Service, until};

const REQUESTS: &str = "cachefence_requests_total{cache=\"\",template=\"user:<id>\"";
const LOADS: &str = "cachefence_loads_total{cache=\"\",template=\"user:<id>\"";
const UNDER_WAY: &str = "cachefence_loads_under_way{cache=\"\",template=\"user:<id>\"}";

fn user(name: &str) -> Answer {
    Answer { status: 200, body: format!("{{\"id\":1,\"name\":\"{name}\"}}") }
}

/// Runs a test on a service in memory, and on one with a Redis.
fn on_both(test: impl Fn(&Service)) {
    test(&Service::start(&[]));
    on_redis(|server, service| {
        test(service);
        assert!(server.command_count("get") > 0, "the service has used the server");
    });
}

/// Runs a test on a service with a Redis, which may take a minute, so that a busy machine changes nothing.
fn on_redis(test: impl FnOnce(&RedisServer, &Service)) {
    let server = RedisServer::start();
    let url = server.url();
    test(&server, &Service::start(&[("REDIS_URL", &url), ("REDIS_TIMEOUT_MS", "60000")]));
}

#[test]
fn a_write_is_seen_by_the_next_read() {
    on_both(|service| {
        for _ in 0..2 {
            assert_eq!(service.get("/users/1"), user("ann"));
        }
        assert_eq!(service.metric(LOADS), 1, "the second answer was a hit");
        assert_eq!(service.put("/users/1", "amy").status, 200);
        assert_eq!(service.get("/users/1"), user("amy"));
    });
}

#[test]
fn a_user_who_does_not_exist_is_looked_for_once() {
    on_both(|service| {
        for _ in 0..2 {
            assert_eq!(service.get("/users/7").status, 404);
        }
        assert_eq!(service.metric(LOADS), 1);
    });
}

#[test]
fn an_id_that_no_row_can_have_is_a_bad_request() {
    let service = Service::start(&[]);
    assert_eq!(service.get("/users/9223372036854775807").status, 404);
    assert_eq!(service.get("/users/9223372036854775808").status, 400);
}

#[test]
fn requests_of_the_same_time_share_one_load() {
    on_both(|service| {
        let lock = service.lock_database();
        thread::scope(|scope| {
            let first = scope.spawn(|| service.get("/users/1"));
            until("the load runs", || service.metric(UNDER_WAY) == 1);
            let second = scope.spawn(|| service.get("/users/1"));
            drop(lock);
            for answer in [first, second] {
                assert_eq!(answer.join().expect("an answer"), user("ann"));
            }
        });
        assert_eq!((service.metric(REQUESTS), service.metric(LOADS)), (2, 1));
    });
}

#[test]
fn a_load_outlives_the_deadline_of_its_callers_and_is_cached() {
    on_both(|service| {
        let lock = service.lock_database();
        until("a load outlives its callers", || {
            thread::scope(|scope| {
                let callers = [(); 2].map(|()| scope.spawn(|| service.get_once("/users/1")));
                for caller in callers {
                    assert_eq!(caller.join().expect("an answer").status, 504);
                }
            });
            service.metric(UNDER_WAY) == 1
        });
        drop(lock);
        until("the load ends", || service.metric(LOADS) > 0);
        let _lock = service.lock_database();
        assert_eq!(service.get("/users/1"), user("ann"), "no query is needed any more");
        assert_eq!(service.metric(LOADS), 1, "one load for all three requests");
    });
}

#[test]
fn the_service_works_while_redis_is_down() {
    let mut server = RedisServer::start();
    server.kill();
    let service = Service::start(&[("REDIS_URL", &server.url())]);
    until("the cache is reported as down", || {
        assert_eq!(service.get("/users/1"), user("ann"));
        service.get("/health") == Answer { status: 200, body: "cache: down\n".to_owned() }
    });
    assert_eq!(service.put("/users/1", "amy").status, 200);
    assert_eq!(service.get("/users/1"), user("amy"));
    server.restart();
    until("the cache is reported as up", || {
        assert_eq!(service.get("/users/1"), user("amy"));
        service.get("/health") == Answer { status: 200, body: "cache: up\n".to_owned() }
    });
}

#[test]
fn sigterm_waits_for_a_detached_load() {
    on_redis(|server, service| {
        let lock = service.lock_database();
        until("a load outlives its caller", || {
            assert_eq!(service.get_once("/users/1").status, 504);
            service.metric(UNDER_WAY) == 1
        });
        service.terminate();
        drop(lock);
        assert_eq!(service.exit_code(), Some(0));
        assert_eq!(server.scan_keys(), ["axum-service:user:1"], "the value, and no lease");
    });
}

#[test]
fn sigterm_waits_for_a_write_and_its_invalidation() {
    on_redis(|server, service| {
        assert_eq!(service.get("/users/1"), user("ann"));
        let lock = service.lock_database();
        assert_eq!(service.put_once("/users/1", "amy").status, 504);
        service.terminate();
        drop(lock);
        assert_eq!(service.exit_code(), Some(0));
        let name = "SELECT name FROM users WHERE id = 1";
        let name = service.database().query_row(name, (), |row| row.get::<_, String>(0));
        assert_eq!(name.as_deref(), Ok("amy"));
        assert!(server.scan_keys().is_empty(), "the old name is not cached any more");
    });
}

#[test]
fn sigterm_ends_a_service_in_memory() {
    let service = Service::start(&[]);
    assert_eq!(service.get("/users/1"), user("ann"));
    service.terminate();
    assert_eq!(service.exit_code(), Some(0));
}
