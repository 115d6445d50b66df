//! Nobody waits for a failure twice.

use cachefence::cachefence;

use super::*;

/// An error that cannot be shared.
#[derive(Debug)]
struct Unshareable;

#[cachefence(key = "unshareable", ttl = 60, cache = cache, skip(cache, loads, takes))]
async fn fails(cache: &CacheFence, loads: &Loads, takes: Duration) -> Result<u64, Unshareable> {
    let _running = loads.begin();
    sleep(takes).await;
    Err(Unshareable)
}

#[cachefence(key = "unshareable", ttl = 60, detached, cache = cache, skip(cache, loads, takes))]
async fn fails_detached(
    cache: &CacheFence,
    loads: &Loads,
    takes: Duration,
) -> Result<u64, Unshareable> {
    let _running = loads.begin();
    sleep(takes).await;
    Err(Unshareable)
}

#[tokio::test(start_paused = true)]
async fn an_error_that_can_be_shared_costs_one_load() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let calls: Vec<_> = (0..200)
            .map(|_| {
                let (entry, loads) = (fleet.entry(0), fleet.loads.clone());
                let fails = || async move {
                    let _running = loads.begin();
                    sleep(secs(1)).await;
                    Err::<usize, _>(io::Error::other("the database is down"))
                };
                timed(async move { get(entry, detached, fails).await.is_err() })
            })
            .collect();
        let ended = ended(calls).await;
        assert!(ended.iter().all(|(took, failed)| *failed && *took == secs(1)));
        assert_eq!(fleet.loads(), 1, "detached: {detached}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_an_error_that_cannot_nobody_takes_longer_than_three_times_the_body() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let (cache, loads) = (fleet.caches[0].clone(), fleet.loads.clone());
                timed(async move {
                    if detached {
                        fails_detached(&cache, &loads, secs(2)).await.is_err()
                    } else {
                        fails(&cache, &loads, secs(2)).await.is_err()
                    }
                })
            })
            .collect();
        let ended = ended(calls).await;
        assert!(ended.iter().all(|(_, failed)| *failed));
        assert_eq!(ended[99].0, secs(6));
        assert_eq!(ended[16].0, secs(4), "sixteen run their own as soon as the first has failed");
        assert_eq!(fleet.loads(), 100, "detached: {detached}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_next_body_succeeds_those_who_still_wait_are_given_its_value() {
    #[cachefence(key = "recovers", ttl = 60, cache = cache, skip(cache, loads))]
    async fn recovers(cache: &CacheFence, loads: &Loads) -> Result<usize, Unshareable> {
        let running = loads.begin();
        match running.number {
            1 => sleep(secs(2)).await,
            _ => sleep(secs(1)).await,
        }
        if running.number == 1 { Err(Unshareable) } else { Ok(running.number) }
    }
    let fleet = Fleet::of(1);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (cache, loads) = (fleet.caches[0].clone(), fleet.loads.clone());
            timed(async move { recovers(&cache, &loads).await.ok() })
        })
        .collect();
    let ended = ended(calls).await;
    assert_eq!(ended.iter().filter(|(_, value)| value.is_none()).count(), 1);
    assert_eq!((ended[99].0, fleet.loads()), (secs(3), 17));
}

/// Other processes are told nothing of a failure, but see that the lease is gone before its time.
#[tokio::test(start_paused = true)]
async fn the_processes_of_a_fleet_do_not_queue_behind_each_others_failures() {
    for detached in [false, true] {
        let fleet = Fleet::of(8);
        let calls: Vec<_> = (0..8)
            .map(|process| {
                let (entry, loads) = (fleet.entry(process), fleet.loads.clone());
                let fails = || async move {
                    let _running = loads.begin();
                    sleep(secs(1)).await;
                    Err::<usize, _>(io::Error::other("the database is down"))
                };
                timed(async move { get(entry, detached, fails).await.is_err() })
            })
            .collect();
        let ended = ended(calls).await;
        assert!(ended[7].0 <= ms(2_250), "detached: {detached}: {ended:?}");
        assert_eq!((fleet.loads(), fleet.loads.most_at_a_time()), (8, 7));
    }
}

/// The joiners of such a process wait for its one body and, if that fails too, run theirs at once.
#[tokio::test(start_paused = true)]
async fn after_a_failure_elsewhere_and_one_here_the_rest_run_together() {
    let fleet = Fleet::of(2);
    let theirs = timed({
        let (cache, loads) = (fleet.caches[1].clone(), fleet.loads.clone());
        async move { fails(&cache, &loads, secs(1)).await.is_err() }
    });
    settle().await;
    let ours: Vec<_> = (0..50)
        .map(|_| {
            let (cache, loads) = (fleet.caches[0].clone(), fleet.loads.clone());
            timed(async move { fails(&cache, &loads, secs(1)).await.is_err() })
        })
        .collect();
    assert!(theirs.await.unwrap().1);
    let ended = ended(ours).await;
    assert!(ended[49].0 <= ms(3_250), "{ended:?}");
    assert_eq!((fleet.loads(), fleet.loads.most_at_a_time()), (51, 49));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_dies_has_not_failed() {
    let fleet = Fleet::of(2);
    // A lease that nobody renews, as of a process that is killed.
    let dead = Box::leak(Box::new(Box::pin(fleet.entry(1).get_or_set(fleet.load(TTL)))));
    std::future::poll_fn(|cx| {
        assert!(dead.as_mut().poll(cx).is_pending());
        if fleet.loads() == 1 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    let calls: Vec<_> =
        (0..50).map(|_| timed(fleet.entry(0).get_or_set(fleet.load(secs(1))))).collect();
    let ended = ended(calls).await;
    assert!(ended[49].0 <= ms(3_100), "the rest of its lease, and a load: {ended:?}");
    assert_eq!(fleet.loads(), 2, "one goes on, and the others wait for it");
    assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(2));
}
