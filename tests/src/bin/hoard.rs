//! A process that stores values in a memory store. Its arguments are the store's bound in bytes, the ttl of the values in
//! milliseconds, and then how many values there are and of how many bytes, as often as it is to store values. It prints for each
//! time by how many bytes its memory had grown by then at the most. A ttl below a minute is waited for in between.

use std::time::Duration;
use std::{env, fs};

use cachefence::{CacheFence, MemoryStore};
use tokio::time::sleep;

/// The figure of this name in `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
    let kibibytes = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().expect("a number") * 1_024
}

async fn store(cache: &CacheFence, kind: &str, count: u64, bytes: usize, ttl: Duration) {
    let value = "x".repeat(bytes.saturating_sub(2)); // JSON adds two quotes
    for number in 0..count {
        let entry = cache.entry(format!("{kind}:{number}")).ttl(ttl);
        entry.set(&value).await.expect("the store is in memory");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<u64> = env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    let [bound, ttl, values @ ..] = args.as_slice() else { panic!("two arguments and more") };
    let builder = CacheFence::builder().store(MemoryStore::with_bytes(*bound));
    let (cache, ttl) = (builder.build_lazy().expect("it is valid"), Duration::from_millis(*ttl));
    // What a first call makes for itself is no part of the bound.
    store(&cache, "first", 1, 2, ttl).await;
    let before = status("VmRSS");
    for (kind, values) in values.chunks_exact(2).enumerate() {
        if kind > 0 && ttl < Duration::from_secs(60) {
            sleep(ttl).await;
        }
        let bytes = usize::try_from(values[1]).expect("it fits");
        store(&cache, &kind.to_string(), values[0], bytes, ttl).await;
        println!("{}", status("VmHWM").saturating_sub(before));
    }
}
