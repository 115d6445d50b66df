//! Loads that are slow, or hang.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_load_of_seven_seconds_costs_the_whole_fleet_two_loads() {
    for detached in [false, true] {
        let fleet = Fleet::of(4);
        let calls: Vec<_> = (0..200)
            .map(|caller| {
                let (entry, load) = (fleet.entry(caller % 4), fleet.load(secs(7)));
                timed(async move { get(entry, detached, load).await.unwrap() })
            })
            .collect();
        let ended = ended(calls).await;
        assert_eq!(fleet.loads(), 2, "detached: {detached}");
        assert!(ended[198].0 <= ms(7_250), "detached: {detached}: {:?}", ended[198]);
        assert!(ended[199].0 <= secs(12), "who runs the hedge: {:?}", ended[199]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_load_that_hangs_costs_one_wait_and_one_load() {
    for processes in [1, 3] {
        for detached in [false, true] {
            let fleet = Fleet::of(processes);
            let call = |process: usize| {
                let (entry, load) = (fleet.entry(process), fleet.first_hangs(ms(20)));
                timed(async move { get(entry, detached, load).await.unwrap() })
            };
            let hanging = call(0);
            settle().await;
            let calls = (0..30).map(|caller| call(caller % processes)).collect();
            let ended = ended(calls).await;
            assert!(ended[29].0 <= WAIT + ms(250), "{processes}, {detached}: {:?}", ended[29]);
            assert_eq!(fleet.loads(), 2);
            for process in 0..processes {
                assert_eq!(call(process).await.unwrap().0, Duration::ZERO, "a hit");
            }
            assert_eq!(fleet.loads(), 2);
            hanging.abort();
        }
    }
}

/// A caller that comes late waits for the rest of the first wait only.
#[tokio::test(start_paused = true)]
async fn who_comes_while_a_load_hangs_waits_for_the_rest_of_one_wait() {
    let fleet = Fleet::of(2);
    let hanging = timed(fleet.entry(0).get_or_set(fleet.first_hangs(ms(20))));
    sleep(ms(10)).await;
    let ours = timed(fleet.entry(0).get_or_set(fleet.first_hangs(ms(20))));
    let theirs = timed(fleet.entry(1).get_or_set(fleet.first_hangs(ms(20))));
    sleep(secs(4)).await;
    let late = [0, 1].map(|process| timed(fleet.entry(process).get_or_set(fleet.load(ms(20)))));
    for call in late {
        let (took, _) = call.await.unwrap();
        assert!(took <= ms(1_250), "{took:?}");
    }
    assert!(ours.await.unwrap().0 <= WAIT + ms(250) && theirs.await.unwrap().0 <= WAIT + ms(250));
    assert_eq!(fleet.loads(), 2);
    hanging.abort();
}

/// Nobody waits within a stale window, so nobody's wait tells how long a refresh has hung. The process remembers.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_hangs_is_replaced_though_everybody_is_served_what_is_stale() {
    for (process, detached) in [(0, false), (0, true), (1, false), (1, true)] {
        let fleet = Fleet::of(2);
        let entry = |process| fleet.entry(process).stale_while_revalidate(TTL);
        entry(0).get_or_set(fleet.load(Duration::ZERO)).await.unwrap();
        sleep(TTL).await;
        let hangs = fleet.first_hang(2, ms(20));
        let hanging = tokio::spawn(get(entry(0), detached, hangs));
        settle().await;
        let begun = Instant::now();
        let mut served = 1;
        while served == 1 {
            assert!(begun.elapsed() < WAIT + secs(1), "process {process}, detached: {detached}");
            sleep(ms(100)).await;
            let asked = Instant::now();
            served = get(entry(process), detached, fleet.load(ms(20))).await.unwrap();
            assert!(asked.elapsed() <= ms(20));
        }
        assert_eq!((served, fleet.loads()), (3, 3), "process {process}, detached: {detached}");
        assert!(begun.elapsed() >= WAIT, "not before it is known to be late");
        hanging.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn where_both_holders_hang_the_first_own_body_that_ends_is_stored() {
    for detached in [false, true] {
        let fleet = Fleet::of(3);
        let call = |process: usize| {
            let (entry, load) = (fleet.entry(process), fleet.first_hang(2, ms(20)));
            timed(async move { get(entry, detached, load).await.unwrap() })
        };
        let hanging = call(0);
        settle().await;
        let hedge = call(1);
        settle().await;
        let calls: Vec<_> = (0..30).map(|caller| call(caller % 3)).collect();
        sleep(WAIT + secs(1)).await;
        assert_eq!(fleet.loads(), 2, "the hedge runs, and hangs");
        let mut waited = Vec::new();
        for waiting in calls {
            waited.push(waiting.await.unwrap().0);
        }
        waited.sort();
        // One of them may be the one whose hedge hangs. It is served when its lease is not renewed any more.
        assert!(waited[29] <= 2 * WAIT + secs(1), "detached: {detached}: {waited:?}");
        let longest = waited[28];
        assert!(longest <= 2 * WAIT + ms(250), "detached: {detached}: {waited:?}");
        assert!(fleet.loads() <= 2 + 3, "one own body for each process: {}", fleet.loads());
        let loads = fleet.loads();
        for process in 0..3 {
            assert_eq!(call(process).await.unwrap().0, Duration::ZERO, "a hit");
        }
        assert_eq!(fleet.loads(), loads);
        hanging.abort();
        hedge.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_old_load_overwrites_nothing_newer() {
    let fleet = Fleet::of(2);
    let slow = timed(fleet.entry(0).get_or_set(fleet.load(secs(9))));
    settle().await;
    let hedge = timed(fleet.entry(1).get_or_set(fleet.load(ms(20))));
    assert_eq!(hedge.await.unwrap().1.unwrap(), 2);
    // Whoever ran the slow one is served what is newer as soon as it learns of that.
    let (took, value) = slow.await.unwrap();
    assert_eq!(value.unwrap(), 2);
    assert!(took <= WAIT + secs(1), "{took:?}");
    sleep(secs(9)).await;
    assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_voids_the_lease_the_hedge_and_the_guests() {
    let fleet = Fleet::of(3);
    let first = timed(fleet.entry(0).get_or_set(fleet.load(secs(30))));
    settle().await;
    let hedge = timed(fleet.entry(1).get_or_set(fleet.load(secs(30))));
    sleep(ms(10)).await;
    let guest = timed(fleet.entry(2).get_or_set(fleet.load(secs(4))));
    sleep(2 * WAIT + secs(1)).await;
    assert_eq!(fleet.loads.running(), 3);
    fleet.caches[0].invalidate("k").await.unwrap();
    assert_eq!(guest.await.unwrap().1.unwrap(), 3, "it is given what it read");
    assert_eq!(fleet.entry(0).peek().await.unwrap(), None, "which nobody else is");
    first.await.unwrap().1.unwrap();
    hedge.await.unwrap().1.unwrap();
    assert_eq!(fleet.entry(0).peek().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_load_past_load_timeout_is_dropped_once_nobody_waits_for_it() {
    let fleet = Fleet::with(1, |builder| builder.load_timeout(secs(10)));
    let left = fleet.entry(0).get_or_set_detached(fleet.load(TTL));
    assert!(tokio::time::timeout(secs(1), left).await.is_err());
    sleep(secs(8)).await;
    assert_eq!(fleet.loads.running(), 1);
    sleep(secs(2)).await;
    assert_eq!((fleet.loads.running(), fleet.caches[0].stats().loads.aborted), (0, 1));
}

/// An error that is not `Clone` is the worst case: each caller is told that it has failed, and runs its own.
#[tokio::test(start_paused = true)]
async fn a_hedge_that_fails_ends_the_wait_for_the_load_that_hangs() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let entry = || fleet.entry(0).stale_if_error(TTL * 2);
        entry().get_or_set(fleet.load(Duration::ZERO)).await.unwrap();
        sleep(TTL).await;
        let call = || {
            let (entry, loads) = (entry(), fleet.loads.clone());
            let load = move || async move {
                let running = loads.begin();
                if running.number == 2 {
                    std::future::pending::<()>().await;
                }
                sleep(ms(20)).await;
                Err::<usize, _>(io::Error::other("the database is down"))
            };
            timed(async move { get(entry, detached, load).await.unwrap() })
        };
        let first = call();
        settle().await;
        let ended = ended((0..10).map(|_| call()).collect()).await;
        assert!(ended[9].0 <= WAIT + ms(250), "detached: {detached}: {ended:?}");
        assert!(ended.iter().all(|(_, value)| *value == 1), "the stale value");
        if detached {
            assert_eq!(first.await.unwrap(), (WAIT + ms(20), 1), "so is the one whose load it was");
        } else {
            first.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_is_dropped_is_replaced_by_another() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let hanging = timed(fleet.entry(0).get_or_set(fleet.first_hang(2, ms(20))));
        settle().await;
        let impatient = fleet.entry(0).wait_for_lock(WAIT * 99 / 100);
        let hedge = impatient.get_or_set(fleet.first_hang(2, ms(20)));
        let hedge = tokio::spawn(tokio::time::timeout(WAIT + secs(1), hedge));
        sleep(ms(1)).await;
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let (entry, load) = (fleet.entry(0), fleet.first_hang(2, ms(20)));
                timed(async move { get(entry, detached, load).await.unwrap() })
            })
            .collect();
        assert!(hedge.await.unwrap().is_err(), "it leaves");
        let ended = ended(calls).await;
        assert!(ended[19].0 <= WAIT + secs(2) + ms(250), "detached: {detached}: {ended:?}");
        assert_eq!(fleet.loads(), 3);
        hanging.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_guest_that_was_granted_one_is_renewed() {
    for detached in [false, true] {
        let fleet = Fleet::with(2, |builder| builder.wait_for_lock(Duration::ZERO));
        let hanging = timed(fleet.entry(1).get_or_set(fleet.first_hangs(secs(9))));
        settle().await;
        let (entry, load) = (fleet.entry(0), fleet.load(secs(9)));
        let value = get(entry, detached, load).await;
        assert_eq!(value.unwrap(), 2);
        assert_eq!(fleet.entry(0).peek().await.unwrap(), Some(2), "detached: {detached}");
        hanging.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_hangs_is_replaced() {
    let fleet = Fleet::of(1);
    let call = || timed(fleet.entry(0).get_or_set_detached(fleet.first_hang(3, ms(20))));
    let first = call();
    settle().await;
    let others = [call(), call()]; // the hedge, and later a guest
    sleep(2 * WAIT + secs(1)).await;
    assert_eq!(fleet.loads.running(), 3);
    let late = call();
    let (took, value) = late.await.unwrap();
    assert!(took <= 4 * WAIT + ms(250), "{took:?}");
    assert_eq!(value.unwrap(), 4);
    others.iter().chain([&first]).for_each(JoinHandle::abort);
}
