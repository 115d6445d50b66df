//! Who may ask the sentinels and the primary, over what, and what is said where it does not work.

use std::time::Duration;

use cachefence::{CacheFence, Credentials, Error, Event, Redis, Tls};
use cachefence_tests::{Authority, RedisSentinels, RedisServer, login, must_not_be_logged, until};

use super::super::callers::{Callers, OP_TIMEOUT};
use super::{by, patient, primary};

/// The error of a cache that cannot be built.
async fn refused(redis: Redis) -> String {
    let builder = CacheFence::builder().redis(redis).op_timeout(Duration::from_secs(2));
    let error = builder.build().await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    let said = error.to_string();
    println!("{said}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    said
}

/// The error of options that cannot be.
fn invalid(redis: Redis) -> String {
    let error = CacheFence::builder().redis(redis).build_lazy().unwrap_err();
    assert!(matches!(error, Error::Option(_)), "{error}");
    error.to_string()
}

/// Asserts that a cache on `redis` serves hits.
async fn serves(redis: Redis) {
    let callers = Callers::of(patient(redis).build().await.unwrap());
    assert_eq!(callers.cache.stats().troubles.total(), 0);
    callers.warm().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_the_primary_have_logins_of_their_own() {
    let sentinels = RedisSentinels::builder().login().each(|node| node.password("s3cret")).start();
    serves(primary(&sentinels)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_the_primary_speak_tls_by_authorities_of_their_own() {
    let [of_sentinels, of_nodes] = [(); 2].map(|()| Authority::new());
    let Some(builder) = RedisSentinels::builder().login().tls(&of_sentinels, &of_nodes) else {
        return;
    };
    let sentinels = builder.start();
    let trusting = |authority: &Authority| Tls::new().ca_pem(&authority.pem);
    let (user, password) = login();
    let of = |of_sentinels: &Authority, of_nodes: Option<&Authority>| {
        let urls = sentinels.sentinel_urls();
        let urls = urls.iter().map(|url| Redis::server(url).tls(trusting(of_sentinels)));
        let redis = Redis::sentinel(sentinels.name(), urls)
            .credentials(move || async move { Ok(Credentials::new(user, password)) });
        match of_nodes {
            Some(authority) => redis.tls(trusting(authority)),
            None => redis,
        }
    };
    serves(of(&of_sentinels, Some(&of_nodes))).await;
    let primary = sentinels.primary().tls_port().unwrap();
    let said = refused(of(&of_sentinels, Some(&of_sentinels))).await;
    let expected = format!(
        "Redis at 127.0.0.1:{primary} (the primary `main`) showed a certificate that is signed"
    );
    assert!(said.starts_with(&expected), "{said}");
    let said = refused(of(&of_nodes, Some(&of_nodes))).await;
    assert!(said.contains("(a sentinel) showed a certificate that is signed"), "{said}");
    let said = refused(of(&of_sentinels, None)).await;
    let expected = format!("Redis at 127.0.0.1:{primary} (the primary `main`) ");
    assert!(said.starts_with(&expected) && said.contains("call `tls(..)` on"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sentinels_of_three_may_be_dead() {
    let mut sentinels = RedisSentinels::start();
    for dead in 0..2 {
        sentinels.sentinel_mut(dead).kill();
    }
    let (told, tells) = std::sync::mpsc::channel();
    let builder = patient(primary(&sentinels)).observe(move |event: &Event<'_>| {
        if event.trouble().is_some() {
            let _ = told.send(event.to_string());
        }
    });
    let callers = Callers::of(builder.build().await.unwrap());
    callers.warm().await;
    for _ in 0..2 {
        let said = tells.recv().unwrap();
        println!("{said}");
        assert!(said.contains("(a sentinel)") && said.contains("tell of a failover"), "{said}");
    }
    assert_eq!(callers.cache.stats().troubles.total(), 2);
    for dead in 0..2 {
        let sentinel = sentinels.sentinel_mut(dead);
        sentinel.restart();
        let is_heard = || sentinel.cli(&["CLIENT", "LIST"]).contains("sub=1");
        until("the sentinel is listened to again", is_heard).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_do_not_tell() {
    must_not_be_logged("s3cret");
    let sentinels = RedisSentinels::builder().login().start();
    let urls = sentinels.sentinel_urls();
    let said = refused(by("other", urls.clone())).await;
    assert!(
        said.starts_with("no sentinel tells where the primary `other` is: Redis at 127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.contains("(a sentinel) watches no primary of the name `other`: give the name that"),
        "{said}"
    );

    let port = sentinels.sentinel(0).port();
    let said = refused(by("main", [format!("redis://127.0.0.1:{port}")])).await;
    let expected = format!(
        "no sentinel tells where the primary `main` is: Redis at 127.0.0.1:{port} (a sentinel) refused the credentials"
    );
    assert!(said.starts_with(&expected), "{said}");
    let said = refused(by("main", [format!("redis://asker:s3cret@127.0.0.1:{port}")])).await;
    assert!(said.starts_with(&expected), "{said}");

    sentinels.sentinel(0).cli(&["ACL", "SETUSER", "other", "on", ">s3cret", "+ping"]);
    let said = refused(by("main", [format!("redis://other:s3cret@127.0.0.1:{port}")])).await;
    assert!(
        said.contains("(a sentinel) does not let this user ask for the primary: NOPERM"),
        "{said}"
    );
    assert!(said.contains("; add `+sentinel|get-master-addr-by-name` to the rules"), "{said}");

    let dead = RedisServer::start();
    let (url, port) = (dead.url(), dead.port());
    let said = refused(by("main", [format!("redis://127.0.0.1:{port}")])).await;
    assert!(
        said.contains(&format!(
            "127.0.0.1:{port} (a sentinel) is no sentinel: ERR unknown command"
        )),
        "{said}"
    );
    drop(dead);
    let said = refused(by("main", [url])).await;
    let expected = format!(
        "no sentinel tells where the primary `main` is: cannot reach Redis at 127.0.0.1:{port} (a sentinel)"
    );
    assert!(said.starts_with(&expected), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_does_not_let_the_cache_in() {
    must_not_be_logged("s3cret");
    let sentinels = RedisSentinels::builder().each(|node| node.password("s3cretpass")).start();
    let port = sentinels.primary().port();
    let at = format!("Redis at 127.0.0.1:{port} (the primary `main`) refused the credentials");
    let said = refused(Redis::sentinel("main", sentinels.sentinel_urls())).await;
    assert!(
        said.starts_with(&at) && said.contains("`credentials(..)` on `Redis::sentinel`"),
        "{said}"
    );
    let wrong = || async { Ok(Credentials::new("cachefence", "s3cret")) };
    let said = refused(Redis::sentinel("main", sentinels.sentinel_urls()).credentials(wrong)).await;
    assert!(
        said.starts_with(&at) && said.contains("the closure in `Redis::credentials`"),
        "{said}"
    );
}

/// The sentinels of a cache take the place of a URL, so the database stands in theirs.
#[tokio::test]
async fn the_database_of_the_sentinels_is_that_of_the_primary() {
    let builder = RedisSentinels::builder().each(|node| node.more_rules("+role +select"));
    let sentinels = builder.start();
    let urls = sentinels.sentinel_urls().into_iter().map(|url| format!("{url}/3"));
    serves(by("main", urls)).await;
    let keys = sentinels.primary().cli(&["INFO", "keyspace"]);
    assert!(keys.contains("db3:keys=") && !keys.contains("db0"), "{keys}");
}

#[test]
fn options_that_cannot_be_are_told() {
    let url = || "redis://h:26379".to_owned();
    for (redis, told) in [
        (Redis::sentinel("", [url()]), "has no name of a primary"),
        (Redis::sentinel("main", [""; 0]), "names no sentinel"),
        (Redis::sentinel("main", ["h:26379"]), "unknown scheme"),
        (Redis::sentinel("main", ["unix:///s"]), "a socket of this machine"),
        (Redis::sentinel("main", [Redis::cluster([url()])]), "no single server"),
        (Redis::sentinel("main", [Redis::sentinel("main", [url()])]), "no single server"),
        (Redis::sentinel("main", ["redis://h/1", "redis://h/2"]), "different databases"),
        (Redis::sentinel("main", ["redis://h/1", "redis://h"]), "different databases"),
        (
            Redis::sentinel("main", [Redis::server(url()).tls(Tls::new())]),
            "a URL that does not ask for TLS",
        ),
        (Redis::sentinel("main", [url()]).tls(Tls::new().ca_pem("none")), "`ca_pem`"),
    ] {
        let said = invalid(redis);
        assert!(said.contains(told), "{told}: {said}");
    }
}

/// The time that an operation may take says how long a cache waits for sentinels that are silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sentinels_hold_nobody_up() {
    let sentinels = RedisSentinels::start();
    for i in 0..2 {
        sentinels.sentinel(i).pause();
    }
    // The third answers.
    let callers = Callers::of(patient(primary(&sentinels)).build().await.unwrap());
    callers.warm().await;
    sentinels.sentinel(2).pause();
    let builder = CacheFence::builder().redis(primary(&sentinels)).op_timeout(OP_TIMEOUT).beta(0.0);
    let callers = Callers::of(builder.build_lazy().unwrap());
    callers.calls(1).await.assert_bounded("silent sentinels, first calls");
    // Enough for the breaker to open.
    callers.calls(4).await.assert_bounded("silent sentinels");
    callers.is_served("silent sentinels, breaker open").await;
    let said = refused(primary(&sentinels)).await;
    assert!(said.contains("(a sentinel) did not answer"), "{said}");
    (0..3).for_each(|i| sentinels.sentinel(i).resume());
    callers.heals("silent sentinels").await;
}
