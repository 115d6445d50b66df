//! The board and the alerts of `cachefence/docs/operating`, on a scrape of a real exporter by a real Prometheus.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use cachefence::{CacheFence, Error, cachefence};
use cachefence_tests::{DEADLINE, RedisServer};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::Value;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cachefence/docs/operating");

/// The queries of the board, with its variables filled in.
fn queries() -> Vec<String> {
    let board =
        fs::read_to_string(Path::new(DOCS).join("grafana.json")).expect("the board is there");
    let board: Value = serde_json::from_str(&board).expect("it is JSON");
    let panels = board["panels"].as_array().expect("it has panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("each asks"));
    targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .map(|query| query.replace("$__rate_interval", "10s").replace("$cache", ".*"))
        .collect()
}

/// Answers each request with the metrics, until the process ends; returns the port, and how often that was.
fn export(handle: PrometheusHandle) -> io::Result<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (port, scrapes) = (listener.local_addr()?.port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&scrapes);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = BufReader::new(&stream).lines();
            while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = handle.render();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok((port, scrapes))
}

/// The answer to a GET.
fn get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn escaped(query: &str) -> String {
    query.bytes().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "%{byte:02X}");
        escaped
    })
}

/// A Prometheus of the test's own, which is ended when this is dropped.
struct Prometheus {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target`; `None` if it is not installed.
    fn start(target: u16) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: test\n    static_configs:\n      - \
             targets: ['127.0.0.1:{target}']\n"
        );
        fs::write(dir.path().join("prometheus.yml"), config).expect("it is writable");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).ok()?.port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match process {
            Ok(process) => Some(Self { process, port, _dir: dir }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => panic!("prometheus: {error}"),
        }
    }

    /// How many series the answer to `query` has.
    fn series(&self, query: &str) -> usize {
        let path = format!("/api/v1/query?query={}", escaped(query));
        let answer = get(self.port, &path).unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        answer["data"]["result"].as_array().map_or(0, Vec::len)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug, Clone)]
struct Refused;

#[cachefence(key = "rate:<id>", ttl = 0.02, cache = cache, skip(cache))]
async fn rate(cache: &CacheFence, id: u64) -> Result<u64, Refused> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    if id.is_multiple_of(7) { Err(Refused) } else { Ok(id) }
}

#[cachefence(key = "large:<id>", ttl = 60, cache = cache, skip(cache))]
async fn large(cache: &CacheFence, id: u64) -> String {
    "x".repeat(usize::try_from(id + 2_000).unwrap_or_default())
}

/// Everything that a panel shows: hits, loads, waits, failures, values that are too large, bodies without a lease.
async fn everything(cache: &CacheFence, broken: &CacheFence) {
    for id in 0..8 {
        let (first, second) = tokio::join!(rate(cache, id), rate(cache, id));
        assert_eq!(first.is_ok(), second.is_ok());
        let _ = rate(cache, id).await;
        large(cache, id).await;
        let _ = rate(broken, id).await;
    }
}

#[tokio::test]
async fn each_query_of_the_board_has_an_answer() -> Result<(), Error> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (port, scrapes) = export(recorder.handle()).expect("a port");
    metrics::set_global_recorder(recorder).expect("the only one");
    let (server, mut gone) = (RedisServer::start(), RedisServer::start());
    let cache = server.cache_builder().name("rates").max_value_bytes(1_000).build().await?;
    let broken = CacheFence::builder().redis(gone.url()).name("broken").build().await?;
    everything(&cache, &broken).await;
    gone.kill();
    everything(&cache, &broken).await;
    let text = get(port, "/metrics").expect("it is exported");
    for secret in ["rate:1", "large:1"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let Some(prometheus) = Prometheus::start(port) else {
        println!("NOT RUN: prometheus is missing; `tests/setup` installs it where there is apt");
        return Ok(());
    };
    let mut unanswered = queries();
    assert!(unanswered.len() >= 12);
    let begun = Instant::now();
    while !unanswered.is_empty() {
        assert!(begun.elapsed() < DEADLINE, "no data for {unanswered:#?} in {text}");
        let before = scrapes.load(Ordering::SeqCst);
        // A rate needs two scrapes, and traffic between them.
        while scrapes.load(Ordering::SeqCst) < before + 2 && begun.elapsed() < DEADLINE {
            everything(&cache, &broken).await;
        }
        unanswered.retain(|query| prometheus.series(query) == 0);
    }
    Ok(())
}

#[test]
fn the_alerts_are_rules_that_prometheus_takes() {
    let rules = Path::new(DOCS).join("alerts.yml");
    match Command::new("promtool").arg("check").arg("rules").arg(&rules).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("3 rules found"), "{said}");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("NOT RUN: promtool is missing; `tests/setup` installs it where there is apt");
        }
        Err(error) => panic!("promtool: {error}"),
    }
}
