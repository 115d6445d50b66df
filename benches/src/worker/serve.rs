//! The run of a worker: it makes its subject, and then carries out one command after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cachefence::Redis;

use super::setup::Setup;
use super::{beside, burst, expiry, hits};
use crate::loader::Loader;
use crate::protocol::{Command, Keys, Lives, Said};
use crate::subject::{
    CachedAttribute, CachedMemory, Floor, HitboxFunction, Kind, Moka, Ours, OursAttribute,
    OursBackground, Quick, Subject,
};

/// Runs a worker until its standard input ends.
pub fn run() {
    #[cfg(feature = "metrics")]
    metrics::set_global_recorder(
        metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder(),
    )
    .expect("the first one");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let setup = Setup::of_arguments(&arguments).expect("<kind> <url> <entries> <runtime>");
    let runtime = setup.runtime.start().expect("a runtime starts");
    let Setup { kind, url, entries, .. } = setup;
    match kind {
        Kind::Floor => serve(&runtime, runtime.block_on(Floor::connect(&url))),
        Kind::Ours => serve(&runtime, runtime.block_on(Ours::connect(&*url))),
        Kind::OursAttribute => serve(&runtime, runtime.block_on(OursAttribute::connect(&url))),
        Kind::OursBackground => serve(&runtime, runtime.block_on(OursBackground::connect(&url))),
        Kind::ClusterFloor => {
            serve(&runtime, runtime.block_on(Floor::connect_to_cluster(&url)));
        }
        Kind::OursCluster => {
            serve(&runtime, runtime.block_on(Ours::connect(Redis::cluster([url]))));
        }
        Kind::Cached => serve(&runtime, CachedAttribute::at(&url)),
        Kind::Hitbox => serve(&runtime, HitboxFunction::at(&url)),
        Kind::Python => panic!("this subject runs in `python/worker.py`"),
        Kind::Quick => serve(&runtime, Quick::with_entries(entries)),
        Kind::OursMemory => serve(&runtime, Ours::in_memory(entries)),
        Kind::OursMemoryAttribute => serve(&runtime, OursAttribute::in_memory(entries)),
        Kind::CachedMemory => serve(&runtime, CachedMemory),
        Kind::Moka => serve(&runtime, Moka::with_entries(entries)),
    }
}

fn serve<S: Subject>(runtime: &tokio::runtime::Runtime, subject: S) {
    let subject = Arc::new(subject);
    // Some subjects connect at their first call, which is made before the worker says that it is ready.
    runtime.block_on(fill(&subject, Keys { count: 1, bytes: 1 }));
    Said::Ready.say();
    for line in io::stdin().lines().map_while(Result::ok) {
        let command = serde_json::from_str(&line).expect("the driver sends commands");
        let said = match command {
            Command::Fill(keys) => {
                runtime.block_on(fill(&subject, keys));
                Said::Filled
            }
            Command::Hits(plan) if plan.threads > 1 => Said::Hits(hits::on_threads(&subject, plan)),
            Command::Hits(plan) => {
                let subject = Arc::clone(&subject);
                // A service handles its requests in tasks. What `block_on` itself polls runs outside of the worker
                // threads, and each of its wake-ups is a system call.
                let hits = async move { tokio::spawn(hits::run(subject, plan)).await };
                Said::Hits(runtime.block_on(hits).expect("no panic"))
            }
            Command::Beside(plan) => Said::Hits(runtime.block_on(beside::run(&subject, plan))),
            Command::Burst(plan) => Said::Burst(runtime.block_on(burst::run(&subject, plan))),
            Command::Expiry(plan) => Said::Expiry(runtime.block_on(expiry::run(&subject, plan))),
        };
        said.say();
    }
}

/// Loads every key, with up to 256 tasks at once.
async fn fill<S: Subject>(subject: &Arc<S>, keys: Keys) {
    const TASKS: u32 = 256;
    let loader = Arc::new(Loader::new(keys.bytes, Duration::ZERO));
    let tasks: Vec<_> = (0..TASKS.min(keys.count))
        .map(|task| {
            let (subject, loader) = (Arc::clone(subject), Arc::clone(&loader));
            tokio::spawn(async move {
                for number in (task..keys.count).step_by(TASKS as usize) {
                    let value = subject.get(&keys.name(number), Lives::AnHour, &loader).await;
                    value.expect("a load that does not fail");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}
