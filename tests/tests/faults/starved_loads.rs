//! A load that took a hundred times as long as it should, because its process was starved, does not have the fleet
//! refresh all the time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::{Network, Staged};
use tokio::time::{Instant, sleep};

const TTL: Duration = Duration::from_secs(10);

/// How long a load takes, and how long in a process that has no processor to run it on.
const LOAD: Duration = Duration::from_millis(40);
const STARVED: Duration = Duration::from_secs(4);

const PROCESSES: usize = 8;

/// How often each process reads, and for how long.
const EVERY: Duration = Duration::from_millis(100);
const LIVES: u32 = 20;

/// How many loads the readers of a fleet run in 20 lives of a value whose first load took `first`, and the others
/// `later`. The clock is virtual.
async fn loads(first: Duration, later: Duration) -> u32 {
    let staged = Arc::new(Staged::default());
    let loads = Arc::new(AtomicU32::new(0));
    let processes: Vec<CacheFence> = (0..PROCESSES)
        .map(|_| {
            let builder = CacheFence::builder().store(Network(Arc::clone(&staged)));
            // Longer than a load takes: nobody runs one beside another.
            builder.wait_for_lock(TTL).build_lazy().unwrap()
        })
        .collect();
    let end = Instant::now() + TTL * LIVES;
    let readers = processes.into_iter().map(|cache| {
        let loads = Arc::clone(&loads);
        tokio::spawn(async move {
            while Instant::now() < end {
                let load = async || {
                    let takes =
                        if loads.fetch_add(1, Ordering::SeqCst) == 0 { first } else { later };
                    sleep(takes).await;
                    Ok::<_, Infallible>(1)
                };
                cache.get_or_set("k", TTL, load).await.unwrap();
                sleep(EVERY).await;
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    loads.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn one_starved_load_costs_next_to_nothing() {
    let (well, starved) = (loads(LOAD, LOAD).await, loads(STARVED, LOAD).await);
    println!("loads in {LIVES} lives: {well}, and {starved} after one that was starved");
    assert!(well <= LIVES + 6, "{well}");
    assert!(starved <= well + 6, "{starved} instead of {well}");
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_stays_starved_does_not_refresh_all_the_time() {
    let starved = loads(STARVED, STARVED).await;
    println!("loads in {LIVES} lives, all of them starved: {starved}");
    // Without a bound the next one begins when one has ended: two and a half in each life.
    assert!(starved <= LIVES * 3 / 2, "{starved}");
}
