//! Operations whose connection is gone when they are sent: each is sent once more, and no more often. All of them can be
//! sent twice without harm.

use std::collections::BTreeMap;
use std::convert::Infallible;

use cachefence::{CacheFence, Error};
use cachefence_tests::{DEADLINE, Fault, NO_SCRIPTS, Proxy, RedisServer, assert_no_locks, until};

use super::callers::TTL;

/// What a caller asks of the store itself, and is given an error of.
const OPERATIONS: [&str; 4] = ["peek", "set", "invalidate", "invalidate_many"];

/// Carries one of them out.
async fn operate(cache: &CacheFence, operation: &str) -> Result<(), Error> {
    let entry = cache.entry::<u64>("k").ttl(TTL);
    match operation {
        "peek" => entry.peek().await.map(drop),
        "set" => entry.set(&1).await,
        "invalidate" => entry.invalidate().await,
        "invalidate_many" => cache.invalidate_many(["k", "l"]).await,
        other => panic!("{other} is no operation"),
    }
}

/// A cache on the server at `url` that gives an operation a minute: none of them fails because the machine is busy.
fn cache(url: &str) -> CacheFence {
    CacheFence::builder().redis(url).op_timeout(DEADLINE).build_lazy().unwrap()
}

/// How often a command came that belongs to an operation, and not to a connection: some of `commands`.
fn of_operations(mut commands: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    commands.retain(|name, _| {
        let name = name.to_ascii_lowercase();
        !name.starts_with("client") && !["auth", "hello", "time", "ping"].contains(&name.as_str())
    });
    commands
}

/// How often the server has written something. A lease that may have been lost is released besides, if it is there.
fn writes(server: &RedisServer) -> [u64; 2] {
    ["set", "del"].map(|command| server.command_count(command))
}

/// Ends the connections with `end`, and then carries out each of the operations.
async fn all_survive(what: &str, end: impl AsyncFn(&mut RedisServer)) {
    for args in [&[][..], &NO_SCRIPTS] {
        let mut server = RedisServer::builder().args(args.iter().copied()).start();
        let caches = OPERATIONS.map(|operation| (operation, cache(&server.url())));
        for (operation, cache) in &caches {
            operate(cache, operation).await.unwrap();
        }
        end(&mut server).await;
        for (operation, cache) in &caches {
            let outcome = operate(cache, operation).await;
            assert!(outcome.is_ok(), "{operation} after {what}, {args:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn the_first_one_after_the_connections_were_killed() {
    // Not noticed yet when the operation is sent: nothing else runs in between.
    all_survive("CLIENT KILL", async |server: &mut RedisServer| {
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    })
    .await;
}

#[tokio::test]
async fn the_first_one_after_the_server_has_closed_idle_connections() {
    all_survive("the server's `timeout`", async |server: &mut RedisServer| {
        server.cli(&["CONFIG", "SET", "timeout", "1"]);
        let alone = || server.info("clients", "connected_clients") == 1;
        until("the harness is its only client", alone).await;
    })
    .await;
}

#[tokio::test]
async fn the_first_one_after_a_restart() {
    all_survive("a restart", async |server: &mut RedisServer| server.restart()).await;
}

#[tokio::test]
async fn what_is_sent_once_more_is_run_once() {
    for args in [&[][..], &NO_SCRIPTS] {
        for operation in OPERATIONS {
            let server = RedisServer::builder().args(args.iter().copied()).start();
            let cache = cache(&server.url());
            operate(&cache, operation).await.unwrap();
            server.reset_stats();
            operate(&cache, operation).await.unwrap();
            let usual = writes(&server);
            server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
            server.reset_stats();
            operate(&cache, operation).await.unwrap();
            assert_eq!(writes(&server), usual, "{operation}, {args:?}");
        }
    }
}

/// Before the call, or while its body runs: its lease and its store are sent once more as well.
#[tokio::test]
async fn a_load_whose_connections_are_killed_is_stored() {
    for args in [&[][..], &NO_SCRIPTS] {
        for in_the_body in [false, true] {
            let server = RedisServer::builder().args(args.iter().copied()).start();
            let cache = cache(&server.url());
            operate(&cache, "set").await.unwrap();
            let kill = || server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
            if !in_the_body {
                kill();
            }
            let body = async || {
                if in_the_body {
                    kill();
                }
                Ok::<_, Infallible>(2)
            };
            assert_eq!(cache.get_or_set("cold", TTL, body).await.unwrap(), 2);
            let stored = cache.entry::<u64>("cold").peek().await.unwrap();
            assert_eq!(stored, Some(2), "killed in the body: {in_the_body}, {args:?}");
        }
    }
}

/// The server has carried out what is then sent once more: the lease that is found taken is one's own, and so is the
/// entry that is found stored.
#[tokio::test]
async fn a_load_whose_replies_are_lost_is_stored() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cache = cache(&proxy.url());
    operate(&cache, "set").await.unwrap();
    for at_its_end in [false, true] {
        let key = format!("cold, {at_its_end}");
        let lose = || proxy.lose_connection_at("EVALSHA");
        if !at_its_end {
            lose();
        }
        let body = async || {
            if at_its_end {
                lose();
            }
            Ok::<_, Infallible>(2)
        };
        let scripts = || proxy.commands()["EVALSHA"];
        let before = scripts();
        assert_eq!(cache.get_or_set(&key, TTL, body).await.unwrap(), 2);
        // A token whose reply was lost is given up, and released.
        let released = u64::from(!at_its_end);
        assert_eq!(scripts() - before, 3 + released, "one of two is sent once more");
        let stored = cache.entry::<u64>(&key).peek().await.unwrap();
        assert_eq!(stored, Some(2), "lost at its end: {at_its_end}");
        assert_no_locks(&server);
    }
}

#[tokio::test]
async fn a_server_that_closes_after_each_command_is_an_error() {
    for args in [&[][..], &NO_SCRIPTS] {
        for operation in OPERATIONS {
            let server = RedisServer::builder().args(args.iter().copied()).start();
            let proxy = Proxy::start(server.port());
            let cache = cache(&proxy.url());
            operate(&cache, operation).await.unwrap();
            let before = proxy.commands();
            proxy.set(Fault::Truncate);
            operate(&cache, operation).await.unwrap_err();
            for (command, count) in of_operations(proxy.commands()) {
                let sent = count - before.get(&command).copied().unwrap_or(0);
                assert!(sent <= 2, "{operation}, {args:?}: {command} was sent {sent} times");
            }
        }
    }
}
