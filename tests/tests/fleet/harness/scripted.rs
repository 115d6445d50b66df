//! A scripted node is a node to the client, and says what the script says.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use cachefence_tests::{Answer, ScriptedNode, slot_of};
use redis::{ProtocolVersion, Value};

fn connect(node: &ScriptedNode, protocol: ProtocolVersion) -> redis::Connection {
    use redis::IntoConnectionInfo as _;
    let info = node.url().into_connection_info().unwrap();
    let settings = info.redis_settings().clone().set_protocol(protocol);
    let client = redis::Client::open(info.set_redis_settings(settings)).unwrap();
    let connection = client.get_connection_with_timeout(Duration::from_secs(10));
    connection.expect("the login is answered")
}

fn get(connection: &mut redis::Connection, key: &str) -> redis::RedisResult<Option<Vec<u8>>> {
    redis::cmd("GET").arg(key).query(connection)
}

#[test]
fn a_script_answers_each_command() {
    let here = ScriptedNode::start(|command| match command.arg(1) {
        b"moved" => Answer::moved(slot_of("moved"), 7_000),
        b"asked" => Answer::ask(slot_of("asked"), 7_001),
        b"a\r\nb" => Answer::string(b"\r\n\xff"),
        b"garbage" => Answer::Reply(b"?!\r\n".to_vec()),
        b"closed" => Answer::Close,
        _ => Answer::Usual,
    });
    for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
        let mut connection = connect(&here, protocol);
        let redirected = |connection: &mut _, key| {
            let error = get(connection, key).expect_err("it is elsewhere");
            error.redirect_node().map(|(address, slot)| (address.to_owned(), slot))
        };
        let moved = redirected(&mut connection, "moved");
        assert_eq!(moved, Some(("127.0.0.1:7000".to_owned(), slot_of("moved"))));
        let asked = redirected(&mut connection, "asked");
        assert_eq!(asked, Some(("127.0.0.1:7001".to_owned(), slot_of("asked"))));
        assert_eq!(get(&mut connection, "none").unwrap(), None);
        assert_eq!(get(&mut connection, "a\r\nb").unwrap().as_deref(), Some(&b"\r\n\xff"[..]));
        let time: (u64, u64) = redis::cmd("TIME").query(&mut connection).unwrap();
        assert!(time.0 > 1_700_000_000);
        get(&mut connection, "closed").expect_err("the connection ended");
        get(&mut connect(&here, protocol), "garbage").expect_err("no answer");
    }
    assert_eq!(here.count("GET"), 12);
    let of_the_first =
        here.received().iter().filter(|(of, name)| *of == 0 && name == "GET").count();
    assert_eq!(of_the_first, 5);
}

#[test]
fn after_a_command_that_is_not_answered_none_is() {
    let here = ScriptedNode::start(|command| match command.arg(1) {
        b"nothing" => Answer::Nothing,
        _ => Answer::Usual,
    });
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, here.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    stream.write_all(b"*2\r\n$3\r\nGET\r\n$7\r\nnothing\r\n*1\r\n$4\r\nPING\r\n").unwrap();
    let error = stream.read(&mut reply).expect_err("no answer, and no end");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(here.count("PING"), 2, "the connection is read all the same");
    assert_eq!(get(&mut connect(&here, ProtocolVersion::RESP2), "k").unwrap(), None);
}

#[test]
fn slots_are_told_as_a_server_tells_them() {
    let node = ScriptedNode::start(|_| Answer::Usual);
    let port = node.port();
    node.script(move |_| Answer::slots(&[(0..=99, port), (100..=16_383, 7_000)]));
    let mut connection = connect(&node, ProtocolVersion::RESP2);
    let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query(&mut connection).unwrap();
    let text = format!("{slots:?}");
    assert!(
        text.contains(&format!(
            "int(0), int(99), array([bulk-string('\"127.0.0.1\"'), int({port}), "
        )),
        "{text}"
    );
    assert!(text.contains("int(100), int(16383), "), "{text}");
}

#[test]
fn a_dropped_node_is_gone() {
    let node = ScriptedNode::start(|_| Answer::Usual);
    let (mut connection, url) = (connect(&node, ProtocolVersion::RESP2), node.url());
    drop(node);
    get(&mut connection, "k").expect_err("the connection ended");
    let again = redis::Client::open(url).unwrap().get_connection();
    assert!(again.is_err_and(|error| error.is_connection_refusal()));
}
