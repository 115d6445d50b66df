//! What `build()` says of a cluster: an error where it cannot be used, and a warning for each node that does not do all.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::store::Health;
use cachefence::{CacheFence, Credentials, Error, Event, Redis};
use cachefence_tests::{
    CLUSTER_RULES, DEADLINE, RULES, RedisCluster, RedisServer, USER, must_not_be_logged,
};

/// What a cache on these nodes says when it is built, and the troubles that it has told of.
async fn build(redis: Redis) -> (Result<CacheFence, Error>, Vec<String>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let observer = move |event: &Event<'_>| {
        if event.trouble().is_some() {
            tells.lock().unwrap().push(event.to_string());
        }
    };
    let builder = CacheFence::builder().redis(redis).op_timeout(DEADLINE).namespace("app");
    let built = builder.observe(observer).build().await;
    let told = told.lock().unwrap().clone();
    (built, told)
}

/// The error of nodes on which no cache can be built.
async fn refused(redis: Redis) -> String {
    let (built, told) = build(redis).await;
    assert!(told.is_empty(), "{told:?}");
    let error = built.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    error.to_string()
}

/// The error of options that cannot be, before anything is connected.
fn invalid(redis: Redis) -> String {
    assert_eq!(format!("{redis:?}"), "Redis { .. }");
    let error = CacheFence::builder().redis(redis).build_lazy().unwrap_err();
    assert!(matches!(error, Error::Option(_)), "{error}");
    let said = format!("{error} {error:?}");
    assert!(!said.contains("s3cret") && !said.contains("us3r"), "{said}");
    error.to_string()
}

fn at(node: &RedisServer) -> String {
    format!("Redis at 127.0.0.1:{}", node.port())
}

/// Calls for 30 keys, in slots of each node, and returns how many are hits when they are called for again.
async fn hits(cache: &CacheFence) -> u64 {
    let mut hits = 0;
    for _ in 0..2 {
        let before = cache.stats().requests.hit;
        for key in 0..30 {
            let body = || async { Ok::<_, Infallible>(key) };
            let value = cache.get_or_set(format!("k{key}"), Duration::from_secs(60), body).await;
            assert_eq!(value.unwrap(), key);
        }
        hits = cache.stats().requests.hit - before;
    }
    hits
}

#[tokio::test]
async fn a_cluster_that_does_all_is_left_as_it_was() {
    let cluster = RedisCluster::start();
    let (built, told) = build(Redis::cluster(cluster.urls())).await;
    let cache = built.unwrap();
    assert_eq!((cache.status().health, told), (Health::Up, vec![]));
    for node in cluster.nodes() {
        assert_eq!(node.scan_keys(), [""; 0]);
    }
    // The user may do what the documentation says, on keys of the namespace, and nothing else.
    for node in cluster.nodes() {
        let rules =
            ["resetkeys", "~app:*", "nocommands"].join(" ") + " " + RULES + " " + CLUSTER_RULES;
        node.cli(&[&["ACL", "SETUSER", USER], &rules.split(' ').collect::<Vec<_>>()[..]].concat());
    }
    // A replica names the primaries.
    let (built, told) = build(Redis::cluster([cluster.node(5).url()])).await;
    assert_eq!(told, [""; 0]);
    assert_eq!(hits(&built.unwrap()).await, 30);
}

#[tokio::test]
async fn each_node_is_checked() {
    let cluster = RedisCluster::builder().replicas(0).start();
    for (i, node) in cluster.nodes().enumerate() {
        let acl = |rule: &str| node.cli(&["ACL", "SETUSER", USER, rule]);
        acl("-set");
        let (built, told) = build(Redis::cluster([cluster.node((i + 1) % 3).url()])).await;
        acl("+set");
        let [warning] = &told[..] else { panic!("one warning: {told:?}") };
        assert!(warning.starts_with(&at(node)) && warning.contains("`+set`"), "{warning}");
        let status = built.unwrap().status();
        assert_eq!((status.health, status.writes), (Health::Degraded, false));
    }
}

#[tokio::test]
async fn a_node_that_refuses_the_login_is_an_error() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let urls = cluster.urls();
    let node = cluster.node(2);
    node.cli(&["ACL", "SETUSER", USER, "resetpass", ">another0password"]);
    for urls in [&urls[..], &urls[..1], &urls[2..]] {
        let error = refused(Redis::cluster(urls.to_vec())).await;
        let begins = format!("{} refused the credentials", at(node));
        assert!(error.starts_with(&begins), "{error}");
    }
}

#[tokio::test]
async fn a_user_that_may_not_learn_the_slots_is_told_the_rule() {
    let cluster = RedisCluster::builder().replicas(0).start();
    for node in cluster.nodes() {
        // Before Redis 7 a rule takes back whole commands only.
        node.cli(&["ACL", "SETUSER", USER, "-cluster", "+cluster|info"]);
    }
    let error = refused(Redis::cluster(cluster.urls())).await;
    assert!(error.contains("add `+cluster|slots` to the rules of the user"), "{error}");
    // One node that tells is enough, and none has to tell its state.
    cluster.node(1).cli(&["ACL", "SETUSER", USER, "-cluster", "+cluster|slots"]);
    let (built, told) = build(Redis::cluster(cluster.urls())).await;
    assert_eq!((hits(&built.unwrap()).await, told), (30, vec![]));
}

#[tokio::test]
async fn a_primary_that_is_down_costs_the_keys_of_its_slots_alone() {
    let whole = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::builder().replicas(0).each(|node| node.args(whole)).start();
    cluster.kill_primary(0);
    let urls = cluster.urls();
    for urls in [urls.clone(), urls[1..].to_vec()] {
        let (built, told) = build(Redis::cluster(urls)).await;
        let cache = built.unwrap();
        let [warning] = &told[..] else { panic!("one warning: {told:?}") };
        assert!(warning.starts_with(&at(cluster.node(0))), "{warning}");
        assert!(warning.contains("the keys of its slots are loaded each time"), "{warning}");
        assert_eq!(cache.status().health, Health::Degraded);
        let hits = hits(&cache).await;
        assert!((10..30).contains(&hits), "{hits} hits");
    }
    for other in [1, 2] {
        cluster.kill_primary(other);
    }
    let error = refused(Redis::cluster(urls)).await;
    assert!(error.contains("cannot reach Redis at 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_is_down_is_an_error() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let slot = cluster.node(0).cli(&["CLUSTER", "KEYSLOT", "k"]);
    let owner = cluster.owner_of("k");
    cluster.node(owner).cli(&["CLUSTER", "DELSLOTS", &slot]);
    let error = refused(Redis::cluster([cluster.node(owner).url()])).await;
    assert!(error.starts_with(&at(cluster.node(owner))), "{error}");
    assert!(error.contains("its cluster is down: look at CLUSTER INFO"), "{error}");
}

#[tokio::test]
async fn one_is_not_taken_for_the_other() {
    let cluster = RedisCluster::builder().replicas(0).start();
    for node in cluster.nodes() {
        let error = refused(Redis::server(node.url())).await;
        assert!(error.starts_with(&at(node)), "{error}");
        assert!(error.ends_with("use `Redis::cluster`"), "{error}");
    }
    let alone = RedisServer::start();
    let error = refused(Redis::cluster([alone.url()])).await;
    assert_eq!(error, format!("{} is no node of a cluster: use `Redis::server`", at(&alone)));
    alone.cli(&["ACL", "SETUSER", USER, "+@all"]);
    let error = refused(Redis::cluster([alone.url()])).await;
    assert_eq!(error, format!("{} is no node of a cluster: use `Redis::server`", at(&alone)));
}

#[tokio::test]
async fn a_node_that_has_met_no_other() {
    let node = RedisServer::builder().more_rules(CLUSTER_RULES).cluster_node().start();
    let error = refused(Redis::cluster([node.url()])).await;
    assert!(error.starts_with(&at(&node)), "{error}");
    assert!(error.contains("its cluster is down"), "{error}");
}

#[test]
fn options_that_cannot_be() {
    must_not_be_logged("s3cret");
    let url = |rest: &str| format!("redis://us3r:s3cret@{rest}");
    for (urls, told) in [
        (vec![], "name one or several"),
        (vec![url("h"), "h".to_owned()], "unknown scheme"),
        (vec![url("h"), url("h/1")], "database 0 only"),
        (vec![url("h"), "unix:///s?user=us3r&pass=s3cret".to_owned()], "by host and port"),
        (vec![url("h"), url("i").replace("redis:", "rediss:")], "two schemes"),
        (vec![url("h"), url("i"), "redis://j".to_owned()], "two users or passwords"),
        (vec![url("h"), "redis://us3r:s3cret2@i".to_owned()], "two users or passwords"),
        (vec![url("h"), "redis://us3r2:s3cret@i".to_owned()], "two users or passwords"),
    ] {
        let error = invalid(Redis::cluster(urls.clone()));
        assert!(error.contains(told), "{urls:?}: {error}");
    }
    let both = Redis::cluster([url("h")]).credentials(|| async { Ok(Credentials::new("u", "p")) });
    assert!(invalid(both).contains("leave one of them out"));
    let plain = Redis::cluster(["redis://h"]).tls(cachefence::Tls::new());
    assert!(invalid(plain).contains("write `rediss://`"));
    // Schemes that mean the same, and the database that there is.
    let same = ["redis://h/0", "valkey://i"];
    CacheFence::builder().redis(Redis::cluster(same)).build_lazy().unwrap();
}
