//! How connections are made and let go.

use std::convert::Infallible;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{RedisServer, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

async fn get(cache: &CacheFence, loaded: usize) -> usize {
    let load = || async { Ok::<_, Infallible>(loaded) };
    cache.get_or_set("k", Duration::from_secs(60), load).await.unwrap()
}

/// The harness's server listens on one of the addresses of `localhost`, which may be the second.
#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let server = RedisServer::start();
    let cache = CacheFence::connect(format!("redis://localhost:{}", server.port())).await.unwrap();
    assert_eq!(get(&cache, 1).await, 1);
}

#[tokio::test]
async fn every_scheme_connects() {
    let server = RedisServer::builder().args(["--unixsocket", "redis.sock"]).start();
    let socket = server.dir().join("redis.sock");
    let tcp = format!("://127.0.0.1:{}/1", server.port());
    let unix = format!("://{}?db=1", socket.display());
    let schemes = [
        ("redis", &tcp),
        ("valkey", &tcp),
        ("unix", &unix),
        ("redis+unix", &unix),
        ("valkey+unix", &unix),
    ];
    for (number, (scheme, rest)) in schemes.into_iter().enumerate() {
        let cache = CacheFence::connect(format!("{scheme}{rest}")).await.unwrap();
        assert_eq!(get(&cache, number).await, 0, "{scheme}");
    }
}

/// The other end of a connection that is half open sends neither a reply nor an end.
#[tokio::test]
async fn a_half_open_connection_leaves_no_task_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let alive = || Handle::current().metrics().num_alive_tasks();
    // The runtime's own task for timers is there from the first timer on.
    let nowhere = CacheFence::builder().redis("redis://127.0.0.1:1").build_lazy().unwrap();
    assert_eq!(get(&nowhere, 1).await, 1);
    drop(nowhere);
    until("its tasks end", || alive() <= 1).await;
    let before = alive();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).await; // the login
        stream.write_all(b"+OK\r\n+OK\r\n").await.unwrap();
        while let Ok(1..) = stream.read(&mut request).await {} // and nothing that follows it is answered
        stream
    });
    let builder = CacheFence::builder().redis(url).op_timeout(Duration::from_millis(50));
    let cache = builder.build_lazy().unwrap();
    assert_eq!(get(&cache, 1).await, 1);
    assert!(!server.is_finished(), "the connection is there");
    drop(cache);
    let _still_open = server.await.unwrap();
    until("its tasks end", || alive() == before).await;
}
