//! What `build()` says of a server: an error where it cannot be used, and a warning, once, for each thing that it does
//! not do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::store::Health;
use cachefence::{Builder, CacheFence, Error, Event};
use cachefence_tests::{
    DEADLINE, Fault, Log, NO_SCRIPTS, Proxy, RedisServer, must_not_be_logged, until,
};
use tokio::time::{self, timeout};
use tracing::Level;

/// The troubles that a cache has told of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let told = Arc::clone(&self.0);
        move |event| {
            if event.trouble().is_some() {
                told.lock().unwrap().push(event.to_string());
            }
        }
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A cache that was built with a warning, which is returned. It was told to the log and to the observer, once.
async fn warned(builder: Builder) -> (CacheFence, String) {
    let (log, told) = (Log::open(), Told::default());
    let cache = builder.observe(told.observer()).build().await.unwrap();
    let [warning] = &told.all()[..] else { panic!("one warning: {:#?}", told.all()) };
    let logged: Vec<_> = log.events(Level::WARN).into_iter().map(|line| line.message).collect();
    assert_eq!(&logged, std::slice::from_ref(warning));
    assert_eq!(cache.stats().troubles.degraded, 1);
    (cache, warning.clone())
}

/// The error of a cache that cannot be built.
async fn refused(builder: Builder) -> String {
    let error = builder.build().await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    error.to_string()
}

/// A server with a user that these rules are for, and a builder for that user, with the namespace `app`.
fn with_rules(rules: &[&str]) -> (RedisServer, Builder) {
    must_not_be_logged("s3cret");
    let server = RedisServer::start();
    server.cli(&[&["ACL", "SETUSER", "web", "on", ">s3cret"], rules].concat());
    let url = format!("redis://web:s3cret@127.0.0.1:{}", server.port());
    (server, CacheFence::builder().redis(url).op_timeout(DEADLINE).namespace("app"))
}

fn at(server: &RedisServer) -> String {
    format!("Redis at 127.0.0.1:{}", server.port())
}

async fn caches(cache: &CacheFence) -> bool {
    let ttl = Duration::from_secs(60);
    cache.get_or_set("k", ttl, || async { Ok::<_, Error>(1) }).await.unwrap();
    cache.entry::<i32>("k").peek().await.unwrap().is_some()
}

#[tokio::test]
async fn a_server_that_does_all_is_left_as_it_was() {
    let (log, server) = (Log::open(), RedisServer::start());
    server.reset_stats();
    let before = server.info("stats", "total_connections_received");
    let cache = server.cache_builder().namespace("app").build().await.unwrap();
    assert_eq!(cache.status().health, Health::Up);
    assert_eq!(cache.stats().troubles.total(), 0);
    assert_eq!(server.scan_keys(), [""; 0]);
    // Redis 6.2 counts all of `CLIENT` together.
    let asked = ["client|tracking", "client"].map(|command| server.command_count(command));
    assert!(asked.iter().sum::<u64>() >= 1, "it asked to be told of changes");
    assert!(log.events(Level::WARN).is_empty(), "{:?}", log.events(Level::WARN));
    // The connection on which the server tells of changes is let go, and the harness has one of its own.
    until("two connections", || server.info("clients", "connected_clients") == 2 + 1).await;
    assert!(server.info("stats", "total_connections_received") > before);
    until("nobody tracks", || server.info("clients", "tracking_clients") == 0).await;
}

#[tokio::test]
async fn a_user_for_the_namespace_alone() {
    let (server, builder) = with_rules(&[
        "~app:*",
        "+@all",
        "-@admin",
        "-@dangerous",
        // Redis 6.2 counts them among the commands of administrators.
        "+client|tracking",
        "+client|caching",
    ]);
    let cache = builder.build().await.unwrap();
    assert_eq!(cache.status().health, Health::Up);
    assert_eq!(cache.stats().troubles.total(), 0);
    assert!(caches(&cache).await);
    drop(server);
}

#[tokio::test]
async fn a_user_of_other_keys() {
    let (server, builder) = with_rules(&["~other:*", "+@all"]);
    let error = refused(builder).await;
    let expected = format!("{} does not let this user read: NOPERM ", at(&server));
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.ends_with("; add `~app:*` to the rules of the user (ACL SETUSER)"), "{error}");
}

#[tokio::test]
async fn a_user_of_the_entries_and_not_of_the_leases() {
    for scripts in ["+@scripting", "-@scripting"] {
        let (server, builder) = with_rules(&["~app:cachefence*", "+@all", scripts]);
        let told = Told::default();
        let cache = builder.observe(told.observer()).build().await.unwrap();
        assert_eq!((cache.status().health, cache.status().writes), (Health::Degraded, false));
        let told = told.all();
        let warning = told.last().unwrap();
        let begins = format!("{} does not let this user store: NOPERM ", at(&server));
        assert!(warning.starts_with(&begins), "{told:?}");
        let ends = "; add `~app:*` to the rules of the user (ACL SETUSER): values are served and not stored";
        assert!(warning.ends_with(ends), "{told:?}");
        assert_eq!(told.len(), if scripts == "+@scripting" { 1 } else { 2 }, "{told:?}");
        assert_eq!(server.scan_keys(), [""; 0]);
    }
}

#[tokio::test]
async fn a_user_that_may_not_run_a_command() {
    for (command, reads) in [("get", true), ("mget", false), ("set", false), ("del", false)] {
        let (server, builder) = with_rules(&["~app:*", "+@all", &format!("-{command}")]);
        let add = format!("; add `+{command}` to the rules of the user (ACL SETUSER)");
        if reads {
            let error = refused(builder).await;
            assert!(error.contains("does not let this user read: NOPERM "), "{error}");
            assert!(error.ends_with(&add), "{error}");
        } else {
            let (cache, warning) = warned(builder).await;
            assert!(warning.contains(&add), "{warning}");
            assert!(!cache.status().writes);
        }
        drop(server);
    }
}

#[tokio::test]
async fn a_server_that_runs_no_scripts() {
    for args in
        [&NO_SCRIPTS[..], &["--rename-command", "SCRIPT", "", "--rename-command", "EVALSHA", ""]]
    {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let (cache, warning) = warned(server.cache_builder()).await;
        assert!(warning.starts_with(&format!("{} does not run scripts", at(&server))), "{warning}");
        let now = cache.status();
        assert_eq!((now.health, now.scripts, now.pushes), (Health::Degraded, false, false));
        assert!(now.writes && caches(&cache).await);
    }
}

#[tokio::test]
async fn a_server_that_does_not_push() {
    let (tracking, caching) = ("client|tracking", "client|caching");
    for (command, other) in [(tracking, caching), (caching, tracking)] {
        // All of `CLIENT` but one command, in words that Redis 6.2 knows too.
        let rules = ["~app:*", "+@all", "-client", &format!("+{other}")];
        let (server, builder) = with_rules(&rules);
        let (cache, warning) = warned(builder).await;
        let expected = format!("{} does not tell what has changed", at(&server));
        assert!(warning.starts_with(&expected), "{command}: {warning}");
        let now = cache.status();
        assert_eq!((now.health, now.scripts, now.pushes), (Health::Degraded, true, false));
        assert!(caches(&cache).await);
    }
}

#[tokio::test]
async fn two_warnings_are_two_lines() {
    let log = Log::open();
    let server = RedisServer::builder()
        .args(NO_SCRIPTS)
        .args(["--maxmemory", "100mb"])
        .args(["--maxmemory-policy", "volatile-ttl"])
        .start();
    let cache = server.cache().await;
    assert_eq!(cache.stats().troubles.degraded, 2);
    assert_eq!(log.events(Level::WARN).len(), 2, "{:?}", log.events(Level::WARN));
}

#[tokio::test]
async fn a_server_that_takes_no_writes() {
    let primary = RedisServer::start();
    let port = primary.port().to_string();
    for (command, code, advice) in [
        (&["CONFIG", "SET", "maxmemory", "1"][..], "OOM", "raise `maxmemory`"),
        (&["REPLICAOF", "127.0.0.1", &port], "READONLY", "give the address of the primary"),
        (&["CONFIG", "SET", "min-replicas-to-write", "1"], "NOREPLICAS", "fewer replicas"),
    ] {
        for args in [&[][..], &NO_SCRIPTS] {
            let server = RedisServer::builder().args(args.iter().copied()).start();
            server.cli(command);
            let told = Told::default();
            let cache = server.cache_builder().observe(told.observer()).build().await.unwrap();
            let told = told.all();
            let warning = told.last().unwrap();
            assert!(warning.starts_with(&format!("{} answered {code} (", at(&server))), "{told:?}");
            assert!(warning.contains(advice), "{told:?}");
            assert_eq!(told.len(), if args.is_empty() { 1 } else { 2 }, "{told:?}");
            let now = cache.status();
            assert_eq!((now.health, now.writes), (Health::Degraded, false), "{code}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_disk_is_full() {
    let server = RedisServer::start();
    std::fs::create_dir(server.dir().join("dump.rdb")).unwrap(); // nothing can be saved there
    server.cli(&["CONFIG", "SET", "save", "3600 1000"]);
    server.cli(&["BGSAVE"]);
    let fails = || server.cli(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err");
    until("it cannot save", fails).await;
    let (cache, warning) = warned(server.cache_builder()).await;
    assert!(warning.contains("answered MISCONF (it cannot save its data"), "{warning}");
    assert!(!cache.status().writes);
}

#[tokio::test]
async fn a_server_that_evicts_leases_first() {
    for (memory, policy, warns) in [
        ("100mb", "volatile-ttl", true),
        ("0", "volatile-ttl", false),
        ("100mb", "allkeys-lru", false),
        ("100mb", "noeviction", false),
    ] {
        let args = ["--maxmemory", memory, "--maxmemory-policy", policy];
        let server = RedisServer::builder().args(args).start();
        if warns {
            let (cache, warning) = warned(server.cache_builder()).await;
            let begins = format!("{} evicts first what ends soonest", at(&server));
            assert!(warning.starts_with(&begins), "{warning}");
            assert!(warning.ends_with("set allkeys-lfu or allkeys-lru"), "{warning}");
            assert_eq!(cache.status().health, Health::Up, "nothing is refused");
        } else {
            assert_eq!(server.cache().await.stats().troubles.total(), 0, "{memory} {policy}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_far_away() {
    /// More than a fifth of what a call waits.
    const FAR: Duration = Duration::from_millis(60);
    const OP_TIMEOUT: Duration = Duration::from_millis(250);
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.set(Fault::Delay(FAR));
    let (log, told) = (Log::open(), Told::default());
    let builder = || CacheFence::builder().redis(proxy.url());
    let cache = builder().op_timeout(OP_TIMEOUT).observe(told.observer()).build().await.unwrap();
    // On a machine that is busy, an operation may be slow as well, which is another trouble.
    let is_far = |warning: &String| warning.contains("ms for a round trip");
    let [warning] = &told.all().into_iter().filter(is_far).collect::<Vec<_>>()[..] else {
        panic!("one warning: {:#?}", told.all())
    };
    assert!(warning.contains("250ms (`op_timeout`)"), "{warning}");
    assert!(warning.contains(": set `op_timeout` to "), "{warning}");
    assert_eq!(log.events(Level::WARN).iter().filter(|line| line.message == *warning).count(), 1);
    assert_eq!((cache.status().health, cache.status().near), (Health::Degraded, false));
    // The server's time is asked for anew after a while, which measures the way once more.
    proxy.set(Fault::None);
    time::pause();
    time::advance(DEADLINE).await;
    time::resume();
    let quick = async {
        while !cache.status().near {
            let _ = cache.entry::<u64>("k").peek().await;
        }
    };
    timeout(DEADLINE, quick).await.expect("the server is near");
    proxy.set(Fault::Delay(FAR));
    let cache = builder().op_timeout(DEADLINE).build().await.unwrap();
    assert_eq!(cache.stats().troubles.total(), 0, "there is time enough");
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let server = RedisServer::builder().password("s3cret").start();
    let url = format!("redis://:s3cret@127.0.0.1:{}/99", server.port());
    let error = refused(CacheFence::builder().redis(url)).await;
    let expected = format!(
        "{} refused database 99 of the URL (DB index is out of range); give another number, or raise \
         `databases` in the server's configuration",
        at(&server)
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_server_that_cannot_be_read() {
    let server = RedisServer::start();
    server.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]); // nobody listens there
    let error = refused(server.cache_builder()).await;
    let begins = format!("{} cannot be read: MASTERDOWN Link with MASTER is down", at(&server));
    assert!(error.starts_with(&begins), "{error}");
}
