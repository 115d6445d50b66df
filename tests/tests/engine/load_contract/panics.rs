//! A panic is a failure.

use super::*;

/// A recompute that takes its time, and panics.
fn panics(fleet: &Fleet, takes: Duration) -> impl FnOnce() -> Load + Send + use<> {
    let loads = fleet.loads.clone();
    move || {
        Box::pin(async move {
            let _running = loads.begin();
            sleep(takes).await;
            panic!("on purpose")
        })
    }
}

#[tokio::test(start_paused = true)]
async fn all_know_of_a_panic_after_three_times_the_body_and_most_after_twice() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let (entry, load) = (fleet.entry(0), panics(&fleet, ms(500)));
                let begun = Instant::now();
                tokio::spawn(async move {
                    let call = async move { get(entry, detached, load).await };
                    let panicked = tokio::spawn(call).await.unwrap_err().is_panic();
                    (begun.elapsed(), panicked)
                })
            })
            .collect();
        let ended = ended(calls).await;
        assert!(ended.iter().all(|(_, panicked)| *panicked));
        assert!(ended[19].0 <= ms(1_500), "{ended:?}");
        assert!(ended[16].0 <= ms(1_000), "seventeen know after twice the body: {ended:?}");
        assert_eq!(fleet.caches[0].stats().loads.panicked, 20, "detached: {detached}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_panics_is_tried_once_in_retry_after() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let window = secs(3_600);
        let entry = || fleet.entry(0).stale_while_revalidate(window).stale_if_error(window);
        entry().get_or_set(fleet.load(Duration::ZERO)).await.unwrap();
        sleep(TTL).await;
        let begun = Instant::now();
        while begun.elapsed() < secs(5) {
            let (entry, load) = (entry(), panics(&fleet, ms(1)));
            let served = get(entry, detached, load).await;
            assert_eq!(served.unwrap(), 1, "the value that is stale");
            sleep(ms(18)).await;
        }
        let bodies = fleet.loads() - 1;
        assert!((4..=6).contains(&bodies), "{bodies} bodies, detached: {detached}");
        let stats = fleet.caches[0].stats();
        assert_eq!(stats.loads.panicked, bodies as u64);
        assert_eq!(stats.troubles.swallowed_error, bodies as u64, "each is told");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_goes_on_in_the_caller_whose_load_it_was_and_in_no_other() {
    let fleet = Fleet::of(1);
    let first = tokio::spawn(fleet.entry(0).get_or_set_detached(panics(&fleet, ms(500))));
    settle().await;
    let others: Vec<_> =
        (0..5).map(|_| timed(fleet.entry(0).get_or_set_detached(fleet.load(ms(500))))).collect();
    assert!(first.await.unwrap_err().is_panic());
    let (returned, panicked) = ended_or_panicked(others).await;
    assert_eq!((returned.len(), panicked), (5, 0));
    assert!(returned.iter().all(|(took, value)| *took == secs(1) && value.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_goes_on_in_nobody_is_told() {
    let fleet = Fleet::of(1);
    let left = fleet.entry(0).get_or_set_detached(panics(&fleet, ms(500)));
    assert!(tokio::time::timeout(ms(10), left).await.is_err());
    sleep(secs(1)).await;
    let stats = fleet.caches[0].stats();
    assert_eq!((stats.loads.panicked, stats.troubles.swallowed_error), (1, 1));
}
