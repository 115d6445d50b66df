//! A cluster serves as a single server does, each key from its node.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, Redis, cachefence};
use cachefence_tests::{RedisCluster, assert_no_locks};

static LOADS: AtomicUsize = AtomicUsize::new(0);

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u32) -> u32 {
    LOADS.fetch_add(1, Ordering::SeqCst);
    id * 2
}

#[tokio::test]
async fn each_key_is_cached_on_its_node() {
    const KEYS: u32 = 300;
    let cluster = RedisCluster::builder().replicas(0).start();
    let redis = Redis::cluster(cluster.urls());
    let cache = CacheFence::builder()
        .redis(redis)
        .namespace("app")
        .op_timeout(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    cache
        .scope(async {
            for round in 0..2 {
                for id in 0..KEYS {
                    assert_eq!(user(id).await, id * 2);
                }
                assert_eq!(LOADS.load(Ordering::SeqCst), KEYS as usize, "round {round}");
            }
            user_entry(7).invalidate().await.unwrap();
            assert_eq!(user(7).await, 14);
            assert_eq!(LOADS.load(Ordering::SeqCst), KEYS as usize + 1);
        })
        .await;
    println!("{:?}", cache.status());
    for node in cluster.nodes() {
        assert_no_locks(node);
        let entries = node.cli(&["DBSIZE"]);
        println!("{entries}");
        assert!(entries.trim().parse::<usize>().unwrap() > 50, "{entries}");
    }
}
