//! A server that does not let this user in, or not everywhere: what can be known is said when the cache is built,
//! without the secret, and every call is served by its body.

use cachefence::{CacheFence, Error};
use cachefence_tests::{RedisServer, must_not_be_logged};

use super::callers::{Callers, KEYS};

fn with_user(rules: &[&str]) -> (RedisServer, String) {
    must_not_be_logged("s3cret");
    let server = RedisServer::start();
    let command = [&["ACL", "SETUSER", "app", "on", ">s3cret", "allchannels"], rules].concat();
    server.cli(&command);
    let url = format!("redis://app:s3cret@127.0.0.1:{}", server.port());
    (server, url)
}

/// The whole of what an error says, and of what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(chain).unwrap_or_default();
    format!("{error} {error:?} {cause}")
}

async fn refused_credentials(server: &RedisServer, url: &str) {
    let Err(error) = CacheFence::connect(url).await else { panic!("it connects") };
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(error.to_string().contains("credentials"), "{error}");
    assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    let callers = Callers::patient(url);
    callers.is_served("credentials refused").await;
    assert_eq!(server.scan_keys(), <[String; 0]>::default());
}

#[tokio::test]
async fn no_password_where_one_is_needed() {
    let server = RedisServer::builder().password("r1ghtpass").start();
    refused_credentials(&server, &format!("redis://127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let server = RedisServer::builder().password("r1ghtpass").start();
    refused_credentials(&server, &format!("redis://:s3cret@127.0.0.1:{}", server.port())).await;
    refused_credentials(&server, &format!("redis://app:s3cret@127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn a_password_that_is_set_later() {
    let server = RedisServer::builder().password("r1ghtpass").start();
    server.cli(&["CONFIG", "SET", "requirepass", "r1ghtpass"]);
    let callers = Callers::patient(&format!("redis://:r1ghtpass@127.0.0.1:{}", server.port()));
    callers.warm().await;
    server.cli(&["ACL", "SETUSER", "default", "on", "resetpass", ">other", ">r1ghtpass"]);
    server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    callers.heals("a password added").await;
}

#[tokio::test]
async fn a_user_that_may_run_no_scripts() {
    let (_server, url) = with_user(&["~*", "+@all", "-@scripting"]);
    let callers = Callers::patient(&url);
    callers.warm().await;
    assert_eq!(callers.bodies(), KEYS);
}

#[tokio::test]
async fn a_user_that_may_not_touch_the_keys() {
    let (server, url) = with_user(&["~other:*", "+@all"]);
    let callers = Callers::patient(&url);
    callers.is_served("NOPERM on keys").await;
    let error = callers.cache.invalidate("row:0").await.unwrap_err();
    assert!(!chain(&error).contains("row:0"), "the key is not quoted: {}", chain(&error));
    server.cli(&["ACL", "SETUSER", "app", "~*"]);
    callers.heals("NOPERM on keys").await;
}

#[tokio::test]
async fn a_user_that_may_not_say_who_it_is() {
    let (_server, url) = with_user(&["~*", "+@all", "-client"]);
    let callers = Callers::patient(&url);
    callers.warm().await;
}
