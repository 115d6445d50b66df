//! Sentinels watch a primary and replace it.

use std::time::Instant;

use cachefence_tests::{Authority, RedisSentinels, login};

fn ask(url: &str, command: &[&str]) -> redis::RedisResult<redis::Value> {
    let mut connection = redis::Client::open(url)?.get_connection()?;
    redis::cmd(command[0]).arg(&command[1..]).query(&mut connection)
}

#[test]
fn a_failover_makes_the_replica_the_primary_and_the_primary_a_replica() {
    let began = Instant::now();
    let sentinels = RedisSentinels::start();
    println!("started: {:?}", began.elapsed());
    let (first, second) = (sentinels.primary().port(), sentinels.replica().port());
    let began = Instant::now();
    sentinels.failover();
    println!("failover: {:?}", began.elapsed());
    assert_eq!(sentinels.primary().port(), second);
    sentinels.primary().cli(&["SET", "k", "v"]);
    for url in sentinels.sentinel_urls() {
        let address = ask(&url, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.name()]);
        let (_, port): (String, u16) = redis::from_redis_value(address.unwrap()).unwrap();
        assert_eq!(port, second);
    }
    let began = Instant::now();
    sentinels.await_replicas();
    println!("the old one is a replica: {:?}", began.elapsed());
    assert_eq!(sentinels.replica().port(), first);
    assert_eq!(sentinels.replica().cli(&["GET", "k"]), "v");
}

#[test]
fn a_killed_primary_is_replaced_and_comes_back_as_a_replica() {
    let mut sentinels = RedisSentinels::builder().replicas(2).start();
    let first = sentinels.primary().port();
    sentinels.kill_primary();
    let began = Instant::now();
    sentinels.await_promotion();
    println!("promoted: {:?}", began.elapsed());
    assert_ne!(sentinels.primary().port(), first);
    sentinels.primary().cli(&["SET", "k", "v"]);
    sentinels.restart_old();
    sentinels.await_replicas();
    assert!(sentinels.nodes().iter().all(|node| node.cli(&["GET", "k"]) == "v"));
}

#[test]
fn sentinels_and_nodes_have_logins_of_their_own() {
    let sentinels =
        RedisSentinels::builder().login().each(|node| node.password("s3cretpass")).start();
    let url = &sentinels.sentinel_urls()[0];
    ask(url, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.name()]).expect("a cache asks");
    let forbidden = ask(url, &["SENTINEL", "FAILOVER", sentinels.name()]).expect_err("no cache's");
    assert_eq!(forbidden.code(), Some("NOPERM"));
    let (user, password) = login();
    let of_nodes = format!("redis://{user}:{password}@127.0.0.1:{}", sentinels.sentinel(0).port());
    ask(&of_nodes, &["PING"]).expect_err("the login of the nodes is none of the sentinels");
    ask(&format!("redis://127.0.0.1:{}", sentinels.sentinel(0).port()), &["PING"])
        .expect_err("there is a login");
    ask(&sentinels.primary().url(), &["ROLE"]).expect("a cache looks at the role");
    sentinels.failover();
}

#[test]
fn sentinels_and_nodes_speak_tls_and_name_the_ports_for_it() {
    let [of_sentinels, of_nodes] = [(); 2].map(|()| Authority::new());
    let Some(builder) = RedisSentinels::builder().login().tls(&of_sentinels, &of_nodes) else {
        return;
    };
    let sentinels = builder.start();
    assert!(sentinels.sentinel_urls().iter().all(|url| url.starts_with("rediss://")));
    sentinels.failover();
    let (sentinel, primary) = (sentinels.sentinel(0), sentinels.primary());
    let address = sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.name()]);
    assert_eq!(address, format!("127.0.0.1\n{}", primary.tls_port().unwrap()));
    assert!(primary.tls_url().starts_with("rediss://"));
}
