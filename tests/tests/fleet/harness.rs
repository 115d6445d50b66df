//! The harness does what the other tests take for granted.

mod cluster;
mod scripted;
mod sentinel;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cachefence_tests::{RedisServer, assert_no_locks, namespace};

/// Long enough for any machine; a test that reaches it has failed.
const DEADLINE: Duration = Duration::from_secs(10);

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Waits until the server closes `stream`, which it does by dying.
fn assert_closed(mut stream: TcpStream) {
    match stream.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        other => panic!("the server is still there: {other:?}"),
    }
}

#[test]
fn a_server_answers() {
    let server = RedisServer::start();
    assert_eq!(server.cli(&["SET", "k", "a value"]), "OK");
    assert_eq!(server.cli(&["GET", "k"]), "a value");
    assert_eq!(server.cli(&["GET", "none"]), "");
    assert_eq!(server.cli(&["STRLEN", "k"]), "7");
    assert_eq!(server.cli(&["MGET", "k", "none", "k"]), "a value\n\na value");
}

#[test]
fn servers_share_nothing() {
    let (one, two) = (RedisServer::start(), RedisServer::start());
    one.cli(&["SET", "k", "v"]);
    assert_ne!(one.port(), two.port());
    assert_eq!(two.scan_keys(), [""; 0]);
}

#[test]
fn a_failing_command_says_which() {
    let server = RedisServer::start();
    let panic =
        catch_unwind(AssertUnwindSafe(|| server.cli(&["NO-SUCH-COMMAND"]))).expect_err("it fails");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(
        message.contains("NO-SUCH-COMMAND") && message.contains("unknown command"),
        "{message}"
    );
}

#[test]
fn a_server_is_gone_after_drop() {
    let server = RedisServer::start();
    let (port, dir) = (server.port(), server.dir().to_owned());
    let stream = connect(port).expect("it listens");
    drop(server);
    assert_closed(stream);
    connect(port).expect_err("nobody listens");
    assert!(!dir.exists(), "{} is left", dir.display());
}

#[test]
fn a_paused_server_is_gone_after_a_panic() {
    let server = RedisServer::start();
    let stream = connect(server.port()).expect("it listens");
    catch_unwind(AssertUnwindSafe(move || {
        server.pause();
        panic!("a test fails");
    }))
    .expect_err("it panics");
    assert_closed(stream);
}

#[test]
fn a_server_is_gone_when_its_test_process_is_killed() {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_hold-server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the holder starts");
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("the holder prints a line");
    let (port, dir) = line.trim_end().split_once(' ').expect("a port and a directory");
    let stream = connect(port.parse().expect("a port")).expect("it listens");
    assert!(Path::new(dir).exists());
    holder.kill().expect("the holder can be killed");
    holder.wait().expect("the holder can be reaped");
    assert_closed(stream);
    assert!(!Path::new(dir).exists(), "{dir} is left");
}

#[test]
fn a_server_restarts_empty_on_its_port() {
    let mut server = RedisServer::start();
    let port = server.port();
    server.cli(&["SET", "k", "v"]);
    server.kill();
    connect(port).expect_err("nobody listens");
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.cli(&["GET", "k"]), "");
    server.restart(); // kills a running one first
    assert_eq!(server.cli(&["PING"]), "PONG");
}

#[test]
fn a_paused_server_answers_when_it_resumes() {
    let server = RedisServer::start();
    let mut connection = server.connection();
    connection.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout above zero");
    server.pause();
    server.pause(); // twice is as good as once
    let error = redis::cmd("PING").exec(&mut connection).expect_err("nothing is answered");
    assert!(error.is_timeout(), "{error}");
    server.resume();
    assert_eq!(server.cli(&["PING"]), "PONG");
}

#[test]
fn commands_are_counted_by_the_server() {
    let server = RedisServer::start();
    server.cli(&["GET", "k"]);
    server.cli(&["GET", "k"]);
    assert_eq!(server.command_count("get"), 2);
    assert_eq!(server.command_count("GET"), 2);
    assert_eq!(server.command_count("set"), 0);
    server.reset_stats();
    assert!(server.command_stats().is_empty(), "{:?}", server.command_stats());
}

#[test]
fn the_url_is_that_of_a_user_who_may_do_little() {
    let server = RedisServer::builder().password("s3cretpass").start();
    assert_eq!(server.cli(&["PING"]), "PONG", "the harness has the password");
    let run = |url: &str, name: &str| {
        redis::cmd(name).exec(&mut redis::Client::open(url)?.get_connection()?)
    };
    run(&server.url(), "PING").expect("the url holds the user and its password");
    let refused = run(&server.url(), "FLUSHALL").expect_err("no cache does that");
    assert_eq!(refused.code(), Some("NOPERM"));
    let nobody = format!("redis://127.0.0.1:{}", server.port());
    run(&nobody, "PING").expect_err("without a password there is no answer");
}

#[test]
fn arguments_reach_the_server() {
    let server = RedisServer::builder()
        .args(["--rename-command", "EVALSHA", ""])
        .args(["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-@scripting"])
        .arg("--maxmemory-policy")
        .arg("allkeys-lru")
        .start();
    let run = |name: &str| redis::cmd(name).arg("return 1").arg(0).exec(&mut server.connection());
    assert!(run("EVALSHA").expect_err("renamed away").to_string().contains("unknown command"));
    assert_eq!(run("EVAL").expect_err("not allowed").code(), Some("NOPERM"));
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory-policy"]), "maxmemory-policy\nallkeys-lru");
}

#[test]
fn a_refused_argument_is_told() {
    let start = || RedisServer::builder().arg("--no-such-option").arg("1").start();
    let panic = catch_unwind(start).expect_err("it does not start");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains("redis-server did not start"), "{message}");
}

#[test]
fn keys_and_locks_are_found() {
    let server = RedisServer::start();
    let (first, second) = (namespace(), namespace());
    assert_ne!(first, second);
    for n in 0..1_500 {
        server.cli(&["SET", &format!("{first}:{n:04}"), "v"]);
    }
    assert_eq!(server.scan_keys().len(), 1_500);
    assert_no_locks(&server);
    server.cli(&["SET", &format!("{second}:~lock:{{{second}:k}}"), "token"]);
    let panic =
        catch_unwind(AssertUnwindSafe(|| assert_no_locks(&server))).expect_err("a lock is left");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(message.contains(&second), "{message}");
}

#[test]
fn a_servers_clock_is_set() {
    let Some(builder) = RedisServer::builder().faketime() else { return };
    let mut server = builder.start();
    let time = |server: &RedisServer| {
        let time = server.cli(&["TIME"]);
        time.lines().next().and_then(|seconds| seconds.parse::<i64>().ok()).expect("seconds")
    };
    let began = (time(&server), Instant::now());
    server.cli(&["SET", "k", "v", "EX", "1800"]);
    server.set_clock(-3_600);
    assert_eq!(server.cli(&["GET", "k"]), "v");
    server.set_clock(3_600);
    assert_eq!(server.cli(&["GET", "k"]), "", "it has expired");
    server.restart();
    let passed = time(&server) - began.0;
    let really = i64::try_from(began.1.elapsed().as_secs()).unwrap();
    assert!((0..=2).contains(&(passed - 3_600 - really)), "{passed} s later");
}
