//! A cluster whose nodes speak TLS, among one another too.

use std::convert::Infallible;
use std::time::Duration;

use cachefence::store::Health;
use cachefence::{CacheFence, Error, Redis, Tls};
use cachefence_tests::{Authority, DEADLINE, RedisCluster, slot_of};

const TTL: Duration = Duration::from_secs(3_600);
const KEYS: usize = 60;

fn start(authority: &Authority) -> Option<RedisCluster> {
    Some(RedisCluster::builder().replicas(0).tls(authority)?.start())
}

async fn build(urls: Vec<String>, authority: &Authority) -> Result<CacheFence, Error> {
    let redis = Redis::cluster(urls).tls(Tls::new().ca_pem(&authority.pem));
    CacheFence::builder().redis(redis).op_timeout(DEADLINE).beta(0.0).build().await
}

/// How many of the keys are hits.
async fn hits(cache: &CacheFence) -> u64 {
    let before = cache.stats().requests.hit;
    for key in 0..KEYS {
        let body = || async { Ok::<_, Infallible>(key) };
        assert_eq!(cache.get_or_set(format!("k{key}"), TTL, body).await.unwrap(), key);
    }
    cache.stats().requests.hit - before
}

#[tokio::test]
async fn each_node_is_spoken_to_over_tls() {
    let authority = Authority::new();
    let Some(cluster) = start(&authority) else { return };
    let urls = cluster.urls();
    assert!(urls.iter().all(|url| url.starts_with("rediss://")), "{urls:?}");
    // One URL is enough: the nodes name one another by their ports for TLS.
    let cache = build(urls[..1].to_vec(), &authority).await.unwrap();
    assert_eq!((cache.status().health, cache.stats().troubles.total()), (Health::Up, 0));
    assert_eq!(hits(&cache).await, 0);
    assert_eq!(hits(&cache).await, KEYS as u64);
    for node in cluster.nodes() {
        assert!(!node.scan_keys().is_empty());
    }
    // A node is named by `MOVED` and `ASK` as well.
    let from = cluster.owner_of("k0");
    cluster.begin_move(slot_of("k0"), from, (from + 1) % 3);
    cluster.migrate(&["k0"], from, (from + 1) % 3);
    assert_eq!(hits(&cache).await, KEYS as u64);
    cluster.finish_move(slot_of("k0"), from, (from + 1) % 3);
    assert_eq!(hits(&cache).await, KEYS as u64);
    let names: Vec<_> = (0..KEYS).map(|key| format!("k{key}")).collect();
    cache.invalidate_many(names).await.unwrap();
    assert!(cluster.nodes().all(|node| node.scan_keys().is_empty()));
}

#[tokio::test]
async fn a_wrong_authority_and_a_plain_url_are_told() {
    let authority = Authority::new();
    let Some(cluster) = start(&authority) else { return };
    let said = build(cluster.urls(), &Authority::new()).await.unwrap_err().to_string();
    assert!(said.contains("unknown issuer") && said.contains("`Tls::ca_pem`"), "{said}");
    let plain = cluster.urls().into_iter().map(|url| url.replace("rediss:", "redis:"));
    let said = CacheFence::connect(Redis::cluster(plain)).await.unwrap_err().to_string();
    assert!(said.contains("write `rediss://`"), "{said}");
    // A name that all certificates would have to hold.
    let named = Tls::new().ca_pem(&authority.pem).server_name("cache.internal");
    let redis = Redis::cluster(cluster.urls()).tls(named);
    let said = CacheFence::connect(redis).await.unwrap_err().to_string();
    assert!(said.contains("cache.internal"), "{said}");
}
