//! `max_bypass`: how many bodies run at a time while the store cannot be asked.

use cachefence_tests::Op;

use super::*;

fn without_a_store(most: usize) -> Fleet {
    let fleet = Fleet::with(1, |builder| builder.max_bypass(most));
    for op in [Op::Read, Op::Acquire, Op::Fill] {
        fleet.staged.refuse(op);
    }
    fleet
}

#[tokio::test(start_paused = true)]
async fn every_body_passes_the_limit_however_long_the_queue() {
    for detached in [false, true] {
        let fleet = without_a_store(2);
        let calls: Vec<_> = (0..80)
            .map(|caller: usize| {
                let entry = fleet.caches[0].entry::<usize>((caller / 2).to_string()).ttl(TTL);
                let load = fleet.load(secs(1));
                timed(async move { get(entry, detached, load).await.unwrap() })
            })
            .collect();
        ended(calls).await;
        assert_eq!(fleet.loads.most_at_a_time(), 2, "detached: {detached}");
        assert!((40..=80).contains(&fleet.loads()), "{}", fleet.loads());
    }
}

/// Each caller runs its own body where the error cannot be shared, and these pass the limit too.
#[tokio::test(start_paused = true)]
async fn bodies_of_ones_own_pass_the_limit_too() {
    #[derive(Debug)]
    struct Unshareable;
    #[cachefence::cachefence(key = "k", ttl = 60, cache = cache, skip(cache, loads))]
    async fn fails(cache: &CacheFence, loads: &Loads) -> Result<u64, Unshareable> {
        let _running = loads.begin();
        sleep(ms(100)).await;
        Err(Unshareable)
    }
    let fleet = without_a_store(2);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (cache, loads) = (fleet.caches[0].clone(), fleet.loads.clone());
            timed(async move { fails(&cache, &loads).await.is_err() })
        })
        .collect();
    ended(calls).await;
    assert_eq!((fleet.loads.most_at_a_time(), fleet.loads()), (2, 20));
}

#[tokio::test(start_paused = true)]
async fn a_healthy_key_waits_for_bodies_that_hang_once_at_most() {
    let fleet = without_a_store(2);
    let call = |key: &str, load| {
        let entry = fleet.caches[0].entry::<usize>(key).ttl(TTL);
        timed(async move { entry.get_or_set(load).await.unwrap() })
    };
    let hanging: Vec<_> =
        (0..4).map(|key| call(&format!("hangs:{key}"), fleet.first_hang(4, secs(1)))).collect();
    settle().await;
    let healthy: Vec<_> =
        (0..4).map(|key| call(&format!("{key}"), fleet.first_hang(4, secs(1)))).collect();
    let ended = ended(healthy).await;
    assert!(ended[3].0 <= WAIT + secs(2), "{ended:?}");
    hanging.iter().for_each(JoinHandle::abort);
}

/// A hedge needs a store: without one it would only be another body.
#[tokio::test(start_paused = true)]
async fn a_body_that_takes_long_without_a_store_is_one_of_its_key() {
    for detached in [false, true] {
        let fleet = without_a_store(usize::MAX);
        let call = || {
            let (entry, load) = (fleet.entry(0), fleet.load(secs(9)));
            timed(async move { get(entry, detached, load).await.unwrap() })
        };
        let calls = (0..50).map(|_| call()).collect();
        let ended = ended(calls).await;
        // Nothing is fenced without a store, so who came after a body began is not given what that read.
        assert!(ended[49].0 <= 2 * secs(9) + secs(1), "detached: {detached}: {ended:?}");
        // The second is that of a guest, for those who have waited twice as long as anybody waits.
        assert!(fleet.loads.most_at_a_time() <= 2, "detached: {detached}");
        assert!(fleet.loads() <= 3, "detached: {detached}: {}", fleet.loads());
    }
}
