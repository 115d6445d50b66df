//! No password and no token stands in what the library says, whatever goes wrong.

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachefence::{Builder, CacheFence, Credentials, Event, Redis, Tls};
use cachefence_tests::{Authority, RedisServer, TlsServer, must_not_be_logged};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The password, in no form of which anything may be said.
const SECRET: &str = "s3cretPassw0rd";
const USER: &str = "us3rname";

/// All that an error says, and what caused it.
fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain).unwrap_or_default();
    format!("{error} {error:?} {error:#?} {cause}")
}

/// Builds a cache on `redis`, which fails, and calls it; returns all that was said.
async fn said(redis: impl Into<Redis>) -> String {
    must_not_be_logged(SECRET);
    let redis = redis.into();
    let told = Arc::new(Mutex::new(vec![format!("{redis:?}")]));
    let tells = Arc::clone(&told);
    let builder = CacheFence::builder()
        .redis(redis.clone())
        .op_timeout(Duration::from_millis(50))
        .observe(move |event: &Event<'_>| tells.lock().unwrap().push(format!("{event:?}")));
    told.lock().unwrap().push(format!("{builder:?}"));
    let error = match builder.build_lazy() {
        Ok(cache) => {
            told.lock().unwrap().push(format!("{cache:?}"));
            // Enough calls for the breaker to open, and to tell of it.
            for call in 0..8 {
                let load = || async { Ok::<_, Infallible>(call) };
                cache.get_or_set("k", Duration::from_secs(60), load).await.unwrap();
            }
            let error = cache.invalidate("k").await.unwrap_err();
            told.lock().unwrap().push(chain(&error));
            CacheFence::connect(redis).await.unwrap_err()
        }
        Err(error) => error,
    };
    let said = format!("{} {}", told.lock().unwrap().join(" "), chain(&error));
    assert!(!said.contains(SECRET), "{said}");
    said
}

/// A server that answers the first request of a connection with `login` and each other one with `reply`, and what
/// address it has.
async fn answers(login: &'static str, reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, login, reply));
        }
    });
    address.to_string()
}

async fn answer(mut stream: TcpStream, login: &'static str, reply: &'static str) {
    let mut request = [0; 4_096];
    // The login is three commands: AUTH, and two that name the client.
    let mut next = login.repeat(3);
    while let Ok(1..) = stream.read(&mut request).await {
        if stream.write_all(next.as_bytes()).await.is_err() {
            break;
        }
        next = reply.repeat(8); // as many as any pipeline has commands
    }
}

fn url(address: &str) -> String {
    format!("redis://{USER}:{SECRET}@{address}")
}

#[tokio::test]
async fn of_a_url_that_cannot_be_used() {
    for url in [
        format!("{SECRET}@localhost:6379"),
        format!("{SECRET}://localhost"),
        format!("http://u:{SECRET}@h"),
        format!("redis://u:{SECRET}#x@h"),
        format!("redis://u:{SECRET}@["),
        format!("redis://u:{SECRET}@h:{SECRET}"),
        format!("redis://u:{SECRET}@h#{SECRET}"),
        format!("rediss://u:{SECRET}@h#insecure"),
        format!("redis://u:{SECRET}@h/{SECRET}"),
        format!("redis://u:{SECRET}%FF@h"),
        format!("redis://u:{SECRET}@0.0.0.0"),
        format!("unix://?pass={SECRET}"),
        format!("redis://u:{SECRET}@h?protocol={SECRET}"),
    ] {
        assert!(said(url).await.contains("Option("));
    }
    let twice = Redis::server(url("h")).credentials(|| async { Ok(Credentials::new("u", SECRET)) });
    assert!(said(twice).await.contains("leave one of them out"));
    let plain = Redis::server(url("h")).tls(Tls::new());
    assert!(said(plain).await.contains("write `rediss://`"));
}

#[tokio::test]
async fn of_a_server_that_is_not_there() {
    assert!(said(url("127.0.0.1:1")).await.contains("cannot reach Redis"));
    assert!(said(url("no-such-host.invalid")).await.contains("cannot reach Redis"));
    let socket = format!("unix:///no/such/socket?user={USER}&pass={SECRET}");
    assert!(said(socket).await.contains("cannot reach Redis"));
}

#[tokio::test]
async fn of_a_login_that_is_refused() {
    let server = RedisServer::start();
    let address = format!("127.0.0.1:{}", server.port());
    assert!(said(url(&address)).await.contains("check user and password in the URL"));
    let of_closure = Redis::server(format!("redis://{address}"))
        .credentials(|| async { Ok(Credentials::new(USER, SECRET)) });
    assert!(said(of_closure).await.contains("closure in `Redis::credentials` returns"));
}

#[tokio::test]
async fn of_a_database_that_is_not_there() {
    let server = RedisServer::start();
    server.cli(&["ACL", "SETUSER", USER, "on", &format!(">{SECRET}"), "~*", "+@all"]);
    let said = said(url(&format!("127.0.0.1:{}/99", server.port()))).await;
    assert!(said.contains("database 99 of the URL (DB index is out of range)"), "{said}");
}

#[tokio::test]
async fn of_tls_that_fails() {
    let authority = Authority::new();
    let Some(server) =
        TlsServer::start(RedisServer::builder(), &authority.sign(&["127.0.0.1"]), None)
    else {
        return;
    };
    let tls = url(&format!("127.0.0.1:{}", server.port)).replace("redis://", "rediss://");
    let other = Tls::new().ca_pem(Authority::new().pem);
    let unknown = Redis::server(&tls).tls(other.clone());
    assert!(said(unknown).await.contains("unknown issuer"));
    assert!(said(tls.replace("rediss://", "redis://")).await.contains("write `rediss://`"));
    let plain = url(&format!("127.0.0.1:{}", server.server.port()));
    let plain = Redis::server(plain.replace("redis://", "rediss://")).tls(other);
    assert!(said(plain).await.contains("TLS"));
}

#[tokio::test]
async fn of_credentials_that_cannot_be_had() {
    let failing = Redis::server("redis://127.0.0.1:1")
        .credentials(|| async { Err("the vault is sealed".into()) });
    assert!(said(failing).await.contains("failed: the vault is sealed"));
    let hanging = Redis::server("redis://127.0.0.1:1").credentials(std::future::pending);
    assert!(said(hanging).await.contains("took longer than 1s"));
}

#[tokio::test]
async fn of_a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert!(said(url(&address)).await.contains("did not answer the login within 1s"));
}

#[tokio::test]
async fn of_a_server_that_repeats_it() {
    for reply in [
        "-WRONGPASS invalid password s3cretPassw0rd\r\n",
        "-ERR unknown command 'HELLO', with args beginning with: 'AUTH' 's3cretPassw0rd'\r\n",
        "-s3cretPassw0rd is not the password\r\n",
        "-ERR us3rname may not log in\r\n",
        "+s3cretPassw0rd\r\n",
        "s3cretPassw0rd\r\n",
        "$14\r\ns3cretPassw0rd\r\n",
    ] {
        let address = answers(reply, reply).await;
        said(url(&address)).await;
        said(format!("{}?protocol=resp3", url(&address))).await;
        said(format!("{}/7", url(&address))).await;
        let closure = Redis::server(format!("redis://{address}?protocol=resp3"))
            .credentials(|| async { Ok(Credentials::new(USER, SECRET)) });
        said(closure).await;
        let after_the_login = answers("+OK\r\n", reply).await;
        said(url(&after_the_login)).await;
        said(Redis::sentinel("main", [url(&address), url(&after_the_login)])).await;
        let closure = Redis::server(format!("redis://{after_the_login}"))
            .credentials(|| async { Ok(Credentials::new(USER, SECRET)) });
        said(closure).await;
    }
}

#[tokio::test]
async fn of_options_that_are_printed() {
    let tls = Tls::new().ca_pem(SECRET).client_pem(SECRET, SECRET).server_name(SECRET);
    let credentials = Credentials::new(SECRET, SECRET);
    let redis = Redis::server(url("h")).tls(tls.clone());
    let builder: Builder = CacheFence::builder().redis(redis.clone());
    let said = format!("{tls:?} {tls:#?} {credentials:?} {redis:?} {redis:#?} {builder:?}");
    assert!(!said.contains(SECRET) && !said.contains(USER), "{said}");
}
