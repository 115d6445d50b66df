//! A sentinel that is late, or wrong, while the others are not.

use std::sync::Arc;

use cachefence_tests::{Answer, RedisServer, ScriptedNode, USER, until};

use super::super::callers::{Callers, KEYS};
use super::{by, patient};

/// What a sentinel answers that names the server on this port of 127.0.0.1.
fn names(port: u16) -> Vec<u8> {
    let port = port.to_string();
    format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len()).into_bytes()
}

/// The answer of a sentinel to a subscription.
fn subscribed() -> Vec<u8> {
    b">3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n".to_vec()
}

/// The message that the server on `new` has replaced the one on `old`.
fn switch(old: u16, new: u16) -> Vec<u8> {
    let text = format!("main 127.0.0.1 {old} 127.0.0.1 {new}");
    format!(">3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n${}\r\n{text}\r\n", text.len())
        .into_bytes()
}

/// A sentinel that names the server on `port`, and sends `news` after it has answered a subscription.
fn sentinel(port: u16, news: Vec<u8>) -> ScriptedNode {
    ScriptedNode::start(move |command| match command.name() {
        "SENTINEL GET-MASTER-ADDR-BY-NAME" => Answer::Reply(names(port)),
        "SUBSCRIBE" => Answer::Reply([subscribed(), news.clone()].concat()),
        _ => Answer::Usual,
    })
}

fn server() -> RedisServer {
    RedisServer::builder().more_rules("+role").start()
}

fn clients(server: &RedisServer) -> usize {
    let all = server.cli(&["CLIENT", "LIST"]);
    all.lines().filter(|line| line.contains(&format!("user={USER} "))).count()
}

async fn callers(sentinels: &[ScriptedNode]) -> Callers {
    let urls = sentinels.iter().map(ScriptedNode::url);
    let callers = Callers::of(patient(by("main", urls)).build().await.unwrap());
    callers.warm().await;
    callers
}

const ASK: &str = "SENTINEL GET-MASTER-ADDR-BY-NAME";

#[tokio::test]
async fn a_late_message_about_an_older_switch_is_not_believed() {
    let [new, old, before] = [(); 3].map(|()| server());
    let [new_port, old_port, before_port] = [&new, &old, &before].map(|server| server.port());
    let sentinels = [
        sentinel(new_port, Vec::new()),
        sentinel(new_port, Vec::new()),
        sentinel(new_port, switch(before_port, old_port)),
    ];
    let callers = callers(&sentinels).await;
    // Both lanes and the check of the late message ask, and each sentinel is asked after its subscription.
    until("the others are asked", || sentinels[0].count(ASK) >= 4).await;
    callers.calls(2).await;
    assert_eq!(callers.bodies(), KEYS);
    assert_eq!(old.info("stats", "total_connections_received"), 1, "that of this question");
    assert!(clients(&new) >= 2);
}

#[tokio::test]
async fn a_message_about_the_known_primary_is_believed_at_once() {
    let [new, old] = [(); 2].map(|()| server());
    let [new_port, old_port] = [&new, &old].map(|server| server.port());
    let sentinels = [sentinel(old_port, Vec::new()), sentinel(old_port, Vec::new())];
    let callers = Arc::new(callers(&sentinels).await);
    assert!(clients(&old) >= 2);
    // The other sentinel has not heard of the switch.
    let news = switch(old_port, new_port);
    sentinels[0].script(move |command| match command.name() {
        ASK => Answer::Reply(names(new_port)),
        "SUBSCRIBE" => Answer::Reply([subscribed(), news.clone()].concat()),
        _ => Answer::Usual,
    });
    sentinels[0].disconnect();
    until("the old primary is left", || clients(&old) == 0).await;
    callers.warm().await;
    assert!(clients(&new) >= 2);
    // The next connections are made where they lead now, although the first answer may be that of the other sentinel.
    new.cli(&["CLIENT", "KILL", "USER", USER]);
    callers.warm().await;
    assert!(clients(&new) >= 1);
    assert_eq!(clients(&old), 0);
}

#[tokio::test]
async fn a_replica_that_sentinels_name_is_not_used() {
    let [primary, replica] = [(); 2].map(|()| server());
    let (port, named) = (primary.port(), replica.port());
    replica.cli(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    let sentinels = [sentinel(named, Vec::new())];
    let urls: Vec<_> = sentinels.iter().map(ScriptedNode::url).collect();
    let said = patient(by("main", urls.clone())).build().await.unwrap_err().to_string();
    let expected = format!("Redis at 127.0.0.1:{named} (the primary `main`) is a replica");
    assert!(said.starts_with(&expected), "{said}");
    sentinels[0].script(move |command| match command.name() {
        ASK => Answer::Reply(names(port)),
        "SUBSCRIBE" => Answer::Reply(subscribed()),
        _ => Answer::Usual,
    });
    let callers = Callers::of(patient(by("main", urls)).build().await.unwrap());
    callers.warm().await;
    assert!(clients(&primary) >= 2);
}

/// A server that may not be asked for its role is taken for what the sentinels say that it is.
#[tokio::test]
async fn a_role_that_is_not_told() {
    let server = RedisServer::start();
    let sentinels = [sentinel(server.port(), Vec::new())];
    callers(&sentinels).await;
    assert_eq!(server.command_count("role"), 0, "the user may not ask");
}
