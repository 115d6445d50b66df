//! TLS as servers are rented with it: what works over it, and what is said where it does not.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Credentials, Error, Redis, Tls};
use cachefence_tests::{
    Authority, DEADLINE, RedisServer, Stop, TlsServer, must_not_be_logged, until,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn start(authority: &Authority) -> Option<TlsServer> {
    TlsServer::start(RedisServer::builder(), &authority.sign(&["127.0.0.1"]), None)
}

fn trusting(authority: &Authority) -> Tls {
    Tls::new().ca_pem(&authority.pem)
}

async fn cache(server: &TlsServer, tls: Tls) -> Result<CacheFence, Error> {
    let redis = Redis::server(server.url()).tls(tls);
    CacheFence::builder().redis(redis).op_timeout(DEADLINE).beta(0.0).build().await
}

async fn refused(server: &TlsServer, tls: Tls) -> String {
    let error = cache(server, tls).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    let said = error.to_string();
    assert!(said.contains(&format!("127.0.0.1:{}", server.port)), "{said}");
    said
}

async fn get(cache: &CacheFence, key: &str, loads: &Arc<AtomicU64>) -> u64 {
    let load = || async { Ok::<_, Infallible>(loads.fetch_add(1, Ordering::Relaxed)) };
    cache.get_or_set(key, HOUR, load).await.unwrap()
}

#[tokio::test]
async fn a_value_is_loaded_once_and_hit_over_tls() {
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    let loads = Arc::default();
    for _ in 0..3 {
        let cache = cache(&server, trusting(&authority)).await.unwrap();
        assert_eq!(get(&cache, "k", &loads).await, 0);
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(server.server.scan_keys().len(), 1);
}

#[tokio::test]
async fn a_large_value_passes_over_tls() {
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    let big = "x".repeat(3 << 20);
    for _ in 0..2 {
        let cache = cache(&server, trusting(&authority)).await.unwrap();
        let value: String = cache
            .get_or_set("k", HOUR, || async { Ok::<_, Infallible>(big.clone()) })
            .await
            .unwrap();
        assert!(value == big);
    }
    assert_eq!(server.server.scan_keys().len(), 1);
}

#[tokio::test]
async fn a_waiter_is_woken_by_a_push_over_tls() {
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    let build = async || {
        let redis = Redis::server(server.url()).tls(trusting(&authority));
        let builder = CacheFence::builder().redis(redis).op_timeout(DEADLINE);
        builder.lock_timeout(HOUR).wait_for_lock(HOUR).build().await.unwrap()
    };
    let (holder, waiter) = (build().await, build().await);
    let stop = Stop::new();
    let leads = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let load = || async move {
                stop.pass().await;
                Ok::<_, Infallible>(1)
            };
            holder.get_or_set("k", HOUR, load).await.unwrap()
        }
    });
    stop.reached().await;
    let waits = tokio::spawn(async move {
        waiter.get_or_set("k", HOUR, || async { Ok::<_, Infallible>(2) }).await.unwrap()
    });
    let is_tracked = || server.server.info("stats", "tracking_total_keys") > 0;
    until("the waiter watches", is_tracked).await;
    let asked = server.server.command_count("evalsha");
    stop.go();
    assert_eq!((leads.await.unwrap(), waits.await.unwrap()), (1, 1));
    // The holder stores, and the waiter looks once more at most.
    assert!(server.server.command_count("evalsha") <= asked + 3);
}

#[tokio::test]
async fn an_unknown_issuer_is_told_and_what_to_do() {
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    for tls in [trusting(&Authority::new()), Tls::new()] {
        let said = refused(&server, tls).await;
        // A system without any root certificates says that.
        let told = said.contains("unknown issuer") || said.contains("no root certificates");
        assert!(told && said.contains("`Tls::ca_pem`"), "{said}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_told() {
    let authority = Authority::new();
    let expired = authority.sign_expired(&["127.0.0.1"]);
    let Some(server) = TlsServer::start(RedisServer::builder(), &expired, None) else { return };
    let said = refused(&server, trusting(&authority)).await;
    assert!(said.contains("expired") && said.contains("days ago"), "{said}");
}

#[tokio::test]
async fn the_names_of_a_wrong_certificate_are_told_and_one_can_be_given() {
    let authority = Authority::new();
    let identity = authority.sign(&["cache.internal"]);
    let Some(server) = TlsServer::start(RedisServer::builder(), &identity, None) else { return };
    let said = refused(&server, trusting(&authority)).await;
    for word in ["`127.0.0.1`", "cache.internal", "`Tls::server_name`"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let loads = Arc::default();
    let named = trusting(&authority).server_name("cache.internal");
    assert_eq!(get(&cache(&server, named).await.unwrap(), "k", &loads).await, 0);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_demanded() {
    let authority = Authority::new();
    let identity = authority.sign(&["127.0.0.1"]);
    let Some(server) = TlsServer::start(RedisServer::builder(), &identity, Some(&authority)) else {
        return;
    };
    let said = refused(&server, trusting(&authority)).await;
    assert!(said.contains("client certificate") && said.contains("`Tls::client_pem`"), "{said}");

    let foreign = Authority::new().sign(&["app"]);
    let said =
        refused(&server, trusting(&authority).client_pem(&foreign.certificate, &foreign.key)).await;
    assert!(said.contains("`Tls::client_pem`") && said.contains("authority"), "{said}");

    let ours = authority.sign(&["app"]);
    let tls = trusting(&authority).client_pem(&ours.certificate, &ours.key);
    let loads = Arc::default();
    assert_eq!(get(&cache(&server, tls).await.unwrap(), "k", &loads).await, 0);
}

#[tokio::test]
async fn a_port_of_the_other_kind_is_told() {
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    let plain = format!("redis://127.0.0.1:{}", server.port);
    let said = CacheFence::connect(plain).await.unwrap_err().to_string();
    assert!(said.contains("TLS") && said.contains("write `rediss://`"), "{said}");

    let tls = format!("rediss://127.0.0.1:{}", server.server.port());
    let redis = Redis::server(tls).tls(trusting(&authority));
    let said = CacheFence::connect(redis).await.unwrap_err().to_string();
    assert!(said.contains("TLS") && said.contains("`redis://`"), "{said}");
}

#[test]
fn what_cannot_be_used_is_told_before_anything_is_connected() {
    let authority = Authority::new();
    let ours = authority.sign(&["app"]);
    let other = authority.sign(&["app"]);
    let key = &ours.key;
    let on = |url: &str, tls: Tls| Redis::server(url).tls(tls);
    let url = "rediss://127.0.0.1:1";
    for (redis, told) in [
        (on("redis://127.0.0.1:1", Tls::new()), "write `rediss://`"),
        (on("unix:///redis.sock", Tls::new()), "write `rediss://`"),
        (on(url, Tls::new().ca_pem("/etc/ca.pem")), "not the path"),
        (on(url, Tls::new().ca_pem(key)), "no readable certificate"),
        (on(url, Tls::new().client_pem(&ours.certificate, "")), "no private key"),
        (on(url, Tls::new().client_pem(&ours.certificate, &ours.certificate)), "no private key"),
        (on(url, Tls::new().client_pem(&ours.certificate, &other.key)), "not the one"),
        (on(url, Tls::new().server_name("not a name")), "server name"),
    ] {
        let error = CacheFence::builder().redis(redis).build_lazy().unwrap_err();
        assert!(matches!(error, Error::Option(_)), "{error}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(told), "{told}: {said}");
        for line in key.lines().chain(other.key.lines()).filter(|line| !line.starts_with('-')) {
            assert!(!said.contains(line), "{said}");
        }
    }
}

#[tokio::test]
async fn credentials_are_asked_for_before_each_connection() {
    for word in ["first0token", "second0token"] {
        must_not_be_logged(word);
    }
    let authority = Authority::new();
    let Some(server) = start(&authority) else { return };
    let acl = |rule: &str| {
        server.server.cli(&["ACL", "SETUSER", "app", "on", "resetpass", rule, "~*", "+@all"]);
    };
    acl(">first0token");
    let token = Arc::new(std::sync::Mutex::new("first0token"));
    let current = Arc::clone(&token);
    let redis = Redis::server(server.url()).tls(trusting(&authority)).credentials(move || {
        let token = *current.lock().unwrap();
        async move { Ok(Credentials::new("app", token)) }
    });
    let cache = CacheFence::builder().redis(redis).op_timeout(DEADLINE).build().await.unwrap();
    let loads = Arc::default();
    assert_eq!(get(&cache, "k", &loads).await, 0);

    // The token rotates, and the server ends what was made with the old one.
    acl(">second0token");
    *token.lock().unwrap() = "second0token";
    server.server.cli(&["CLIENT", "KILL", "USER", "app"]);
    assert_eq!(get(&cache, "k", &loads).await, 0);
    assert_eq!(loads.load(Ordering::Relaxed), 1, "the next call logs in with the new one and hits");
    cache.invalidate("k").await.unwrap();
    assert_eq!(get(&cache, "k", &loads).await, 1);
}
