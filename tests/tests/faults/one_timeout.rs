//! A call pays for a store in trouble once, whatever it asks of it and whenever the trouble begins (G5).

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use cachefence::CacheFence;
use cachefence_tests::{Fault, NO_SCRIPTS, Proxy, RedisServer};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::callers::{OP_TIMEOUT, TTL};
use super::timings::watched;

/// How much longer a call may take on a busy machine, besides the time in which the runtime stands still.
const NOISE: Duration = Duration::from_millis(100);

/// A cache that is connected to a server behind a proxy.
struct Behind {
    _server: RedisServer,
    proxy: Proxy,
    cache: CacheFence,
}

impl Behind {
    async fn new(args: &[&str]) -> Self {
        let server = RedisServer::builder().args(args.iter().copied()).start();
        let proxy = Proxy::start(server.port());
        let builder = CacheFence::builder().redis(proxy.url()).op_timeout(OP_TIMEOUT).beta(0.0);
        let cache = builder.build().await.unwrap();
        // Connections that are needed are made.
        cache.get_or_set("warm", TTL, || ready(Ok::<_, Infallible>(0))).await.unwrap();
        Self { _server: server, proxy, cache }
    }

    async fn call(&self, key: &str) -> Duration {
        let began = Instant::now();
        let call = self.cache.get_or_set(key, TTL, || ready(Ok::<_, Infallible>(0)));
        let (called, stalls) = watched(call).await;
        called.unwrap();
        stalls.leave(began, Instant::now())
    }
}

#[tokio::test]
async fn a_store_that_is_gone_when_the_body_returns() {
    for args in [&[][..], &NO_SCRIPTS] {
        let behind = Behind::new(args).await;
        let (done, body_is_done) = oneshot::channel();
        let body = || async {
            behind.proxy.set(Fault::BlackHole);
            let _ = done.send(Instant::now());
            Ok::<_, Infallible>(0)
        };
        let (called, stalls) = watched(behind.cache.get_or_set("k", TTL, body)).await;
        let ended = Instant::now();
        called.unwrap();
        let waited = stalls.leave(body_is_done.await.unwrap(), ended);
        assert!(waited < OP_TIMEOUT + NOISE, "{waited:?}");
    }
}

#[tokio::test]
async fn a_caller_that_comes_while_another_one_waits_for_its_read() {
    let behind = Behind::new(&[]).await;
    behind.proxy.set(Fault::BlackHole);
    let first = behind.call("k");
    let second = async {
        sleep(OP_TIMEOUT / 10).await;
        behind.call("k").await
    };
    for waited in <[_; 2]>::from(tokio::join!(first, second)) {
        assert!(waited < OP_TIMEOUT + NOISE, "{waited:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_slow_but_in_time() {
    for args in [&[][..], &NO_SCRIPTS] {
        let behind = Behind::new(args).await;
        behind.proxy.set(Fault::Delay(OP_TIMEOUT * 3 / 4));
        let waited = behind.call("k").await;
        assert!(waited < OP_TIMEOUT + NOISE, "{waited:?}");
    }
}
