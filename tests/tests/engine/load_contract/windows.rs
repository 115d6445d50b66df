//! A caller with a stale window beside one without.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_caller_within_its_window_is_served_at_once_while_one_without_loads() {
    for detached in [false, true] {
        let fleet = Fleet::of(1);
        let entry = || fleet.entry(0).stale_while_revalidate(TTL);
        entry().get_or_set(fleet.load(Duration::ZERO)).await.unwrap();
        sleep(TTL).await;
        let loading = timed(fleet.entry(0).get_or_set(fleet.load(secs(3))));
        settle().await;
        sleep(ms(100)).await;
        let begun = Instant::now();
        let load = fleet.load(secs(3));
        let served = get(entry(), detached, load).await.unwrap();
        assert_eq!((served, begun.elapsed()), (1, Duration::ZERO), "detached: {detached}");
        assert_eq!(loading.await.unwrap().1.unwrap(), 2);
        assert_eq!(fleet.loads(), 2);
    }
}
