//! A sentinel that is late, or wrong, while the others are not.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cachefence_tests::{Answer, RedisServer, ScriptedNode, USER, until};

use tokio::time::timeout;

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
    let [new_port, old_port, before_port] = [&new, &old, &before].map(RedisServer::port);
    let sentinels = [(); 3].map(|()| sentinel(new_port, Vec::new()));
    let callers = callers(&sentinels).await;
    until("all are listened to", || sentinels.iter().all(is_listened_to)).await;
    let asked = sentinels[0].count(ASK);
    sentinels[2].script(move |command| match command.name() {
        ASK => Answer::Reply(names(new_port)),
        "SUBSCRIBE" => Answer::Reply([subscribed(), switch(before_port, old_port)].concat()),
        _ => Answer::Usual,
    });
    sentinels[2].disconnect();
    until("the others are asked", || sentinels[0].count(ASK) > asked).await;
    callers.calls(2).await;
    assert_eq!(callers.bodies(), KEYS);
    assert_eq!(old.info("stats", "total_connections_received"), 1, "that of this question");
    assert!(clients(&new) >= 2);
}

/// Whether a sentinel was asked for a subscription, and then for the primary.
fn is_listened_to(sentinel: &ScriptedNode) -> bool {
    let received = sentinel.received();
    let subscription = received.iter().find(|(_, name)| name == "SUBSCRIBE");
    subscription.is_some_and(|(number, _)| received.contains(&(*number, ASK.to_owned())))
}

/// Asserts that a sentinel has named the primary once where it is subscribed to, and so the one before.
#[track_caller]
fn assert_told_once(sentinel: &ScriptedNode) {
    let received = sentinel.received();
    let subscription = received.iter().find(|(_, name)| name == "SUBSCRIBE");
    let (number, _) = subscription.expect("it is subscribed to");
    let asked = received.iter().filter(|(other, name)| other == number && name == ASK).count();
    assert_eq!(asked, 1);
}

/// Has `sentinel` name the server on `port`, and tell nobody by itself.
fn names_from_now_on(sentinel: &ScriptedNode, port: u16) {
    sentinel.script(move |command| match command.name() {
        ASK => Answer::Reply(names(port)),
        _ => Answer::Usual,
    });
}

/// Has `sentinel` name the server on `port`, after a while, and answer a subscription so.
fn answers_slowly(sentinel: &ScriptedNode, port: u16, subscription: Vec<u8>) {
    const WHILE: Duration = Duration::from_millis(20);
    sentinel.script(move |command| match command.name() {
        ASK => {
            thread::sleep(WHILE);
            Answer::Reply(names(port))
        }
        "SUBSCRIBE" => Answer::Reply(subscription.clone()),
        _ => Answer::Usual,
    });
}

/// Has `sentinel` tell that the server on `new` has replaced the one on `old`, and name it from now on.
fn tells(sentinel: &ScriptedNode, old: u16, new: u16) {
    answers_slowly(sentinel, new, [subscribed(), switch(old, new)].concat());
    // The next subscription comes at once.
    sentinel.disconnect();
}

#[tokio::test]
async fn a_sentinel_that_still_names_the_server_that_was_left_is_not_believed() {
    let [mut new, old] = [(); 2].map(|()| server());
    let sentinels = [sentinel(old.port(), Vec::new()), sentinel(old.port(), Vec::new())];
    let callers = callers(&sentinels).await;
    assert!(clients(&old) >= 2);
    tells(&sentinels[0], old.port(), new.port());
    until("the old primary is left", || clients(&old) == 0).await;
    callers.warm().await;
    assert!(clients(&new) >= 2);
    // Now the sentinels are asked, and the late one answers first.
    new.kill();
    let asked = sentinels[0].count(ASK);
    while sentinels[0].count(ASK) < asked + 4 {
        callers.call(false, 0).await;
    }
    new.restart();
    callers.until_a_hit().await;
    assert_eq!(clients(&old), 0);
    assert!(clients(&new) >= 1);
}

/// Nothing but the message tells of the switch here.
#[tokio::test]
async fn a_message_about_the_known_primary_is_believed_at_once() {
    let [new, old] = [(); 2].map(|()| server());
    let (old_port, new_port) = (old.port(), new.port());
    let sentinels = [(); 2].map(|()| sentinel(old_port, Vec::new()));
    let callers = callers(&sentinels).await;
    sentinels[0].script(move |command| match command.name() {
        ASK => Answer::Reply(names(old_port)),
        "SUBSCRIBE" => Answer::Reply([subscribed(), switch(old_port, new_port)].concat()),
        _ => Answer::Usual,
    });
    sentinels[0].disconnect();
    until("the old primary is left", || clients(&old) == 0).await;
    callers.warm().await;
    assert!(clients(&new) >= 2);
}

/// No sentinel sends a message here.
#[tokio::test]
async fn sentinels_are_asked_again_when_the_primary_is_gone() {
    let [new, mut old] = [(); 2].map(|()| server());
    let (old_port, new_port) = (old.port(), new.port());
    let sentinels = [sentinel(old_port, Vec::new())];
    let callers = callers(&sentinels).await;
    until("it is listened to", || is_listened_to(&sentinels[0])).await;
    names_from_now_on(&sentinels[0], new_port);
    old.kill();
    callers.warm().await;
    assert!(clients(&new) >= 2);
    assert_told_once(&sentinels[0]);
}

/// A replica refuses writes, and the sentinels name another server by then. The user may not ask for the role.
#[tokio::test]
async fn sentinels_are_asked_again_when_the_primary_takes_no_writes() {
    let [new, old] = [(); 2].map(|()| RedisServer::start());
    let (old_port, new_port) = (old.port(), new.port());
    let sentinels = [sentinel(old_port, Vec::new())];
    let callers = callers(&sentinels).await;
    until("it is listened to", || is_listened_to(&sentinels[0])).await;
    names_from_now_on(&sentinels[0], new_port);
    old.cli(&["REPLICAOF", "127.0.0.1", &new_port.to_string()]);
    // Redis ends the connections of a server that becomes a replica only where a sentinel asks for that.
    let refused = callers.cache.invalidate("row:0").await.unwrap_err();
    assert!(refused.to_string().contains("READONLY"), "{refused}");
    until("the old primary is left", || clients(&old) == 0).await;
    assert_told_once(&sentinels[0]);
    callers.cache.invalidate("row:0").await.unwrap();
    callers.warm().await;
}

/// A server whose writes are paused holds an operation up, and with it the connection.
#[tokio::test]
async fn an_operation_that_the_old_primary_holds_up_goes_to_the_new_one() {
    const SOON: Duration = Duration::from_secs(20);
    let [new, old] = [(); 2].map(|()| server());
    let sentinels = [sentinel(old.port(), Vec::new())];
    let callers = Arc::new(callers(&sentinels).await);
    old.cli(&["CLIENT", "PAUSE", "600000", "WRITE"]);
    let before = old.command_count("del");
    let invalidate = {
        let callers = Arc::clone(&callers);
        tokio::spawn(async move { callers.cache.invalidate("row:0").await })
    };
    until("the old primary holds it up", || old.info("clients", "blocked_clients") == 1).await;
    tells(&sentinels[0], old.port(), new.port());
    timeout(SOON, invalidate).await.expect("it does not wait").unwrap().unwrap();
    assert_eq!(clients(&old), 0);
    assert!(new.command_count("del") >= 1);
    old.cli(&["CLIENT", "UNPAUSE"]);
    assert_eq!(old.command_count("del"), before);
}

/// A sentinel that is cut off from the others names a server that they have replaced, and that says it is a primary.
#[tokio::test]
async fn two_sentinels_are_believed_against_one() {
    let [new, old] = [(); 2].map(|()| server());
    let (old_port, new_port) = (old.port(), new.port());
    let sentinels = [(); 3].map(|()| sentinel(old_port, Vec::new()));
    for sentinel in &sentinels[..2] {
        answers_slowly(sentinel, new_port, subscribed());
    }
    let callers = callers(&sentinels).await;
    until("all are listened to", || sentinels.iter().all(is_listened_to)).await;
    callers.calls(1).await;
    assert_eq!(old.info("stats", "total_connections_received"), 1, "that of this question");
    assert!(clients(&new) >= 2);
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
