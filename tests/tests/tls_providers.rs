//! TLS works with no process-wide provider of cryptography, with one of any kind, and where `rustls` cannot choose
//! between several. A program of its own, because a process has one such provider for ever.

use std::convert::Infallible;
use std::panic::catch_unwind;
use std::time::Duration;

use cachefence::{CacheFence, Redis, Tls};
use cachefence_tests::{Authority, RedisServer, TlsServer};
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};

#[tokio::test]
async fn tls_asks_no_provider_of_the_process() {
    let authority = Authority::new();
    let Some(server) =
        TlsServer::start(RedisServer::builder(), &authority.sign(&["127.0.0.1"]), None)
    else {
        return;
    };
    let hits = async || {
        let redis = Redis::server(server.url()).tls(Tls::new().ca_pem(&authority.pem));
        let cache = CacheFence::connect(redis).await.unwrap();
        let load = || async { Ok::<_, Infallible>(1) };
        assert_eq!(cache.get_or_set("k", Duration::from_secs(60), load).await.unwrap(), 1);
    };

    // As with two that are compiled in, `rustls` itself panics here.
    assert!(CryptoProvider::get_default().is_none());
    assert!(catch_unwind(ClientConfig::builder).is_err());
    hits().await;

    // One that can do nothing is installed, so whoever used it would fail.
    let useless = CryptoProvider { cipher_suites: Vec::new(), ..ring::default_provider() };
    useless.install_default().unwrap();
    hits().await;

    // A second one is refused by `rustls`, and changes nothing.
    assert!(ring::default_provider().install_default().is_err());
    hits().await;
}
