//! Compares a hit over TLS with a plain one: the same server, the same value, one call after the other or 64 at a time.
//!
//! `tls` prints a table. The two run short batches in turns; a time is the median of the batches, the ratio the median
//! of the ratios of neighbouring batches.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachefence::{CacheFence, Redis, Tls};
use cachefence_benches::statistics::median;
use cachefence_benches::value::Profile;
use cachefence_tests::{Authority, RedisServer, TlsServer};

const ROUNDS: usize = 51;
const CALLS: usize = 640;
const TTL: Duration = Duration::from_hours(1);

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let authority = Authority::new();
    let server = TlsServer::start(RedisServer::builder(), &authority.sign(&["127.0.0.1"]), None);
    let server = server.expect("a server that was built with TLS");
    let plain = cache(Redis::server(server.server.url())).await;
    let tls = cache(Redis::server(server.url()).tls(Tls::new().ca_pem(&authority.pem))).await;
    println!("| value | tasks | plain, us a hit | TLS, us a hit | ratio |\n|---|--:|--:|--:|--:|");
    for bytes in [200, 10_000] {
        for tasks in [1, 64] {
            let (mut times, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
            for _ in 0..ROUNDS {
                let plain = batch(&plain, bytes, tasks).await;
                let tls = batch(&tls, bytes, tasks).await;
                times[0].push(plain);
                times[1].push(tls);
                ratios.push(tls / plain);
            }
            let [plain, tls] = times.map(|times| median(&times));
            println!("| {bytes} B | {tasks} | {plain:.1} | {tls:.1} | {:.2} |", median(&ratios));
        }
    }
}

async fn cache(redis: Redis) -> Arc<CacheFence> {
    let builder = CacheFence::builder().redis(redis).op_timeout(Duration::from_secs(5)).beta(0.0);
    Arc::new(builder.build().await.expect("the server is up"))
}

/// How many microseconds a hit takes, on average.
async fn batch(cache: &Arc<CacheFence>, bytes: usize, tasks: usize) -> f64 {
    hit(cache, 0, bytes).await;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let cache = Arc::clone(cache);
            tokio::spawn(async move {
                for _ in 0..CALLS / tasks {
                    hit(&cache, task, bytes).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    begun.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

async fn hit(cache: &CacheFence, task: usize, bytes: usize) {
    let load = || async { Ok::<_, Infallible>(Profile::of_size(bytes)) };
    cache.get_or_set(format!("{bytes}:{task}"), TTL, load).await.expect("a value");
}
