//! Invalidations of keys whose slot is being handed over, some of their names on one node and some on the other: what is
//! invalidated is gone on both.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachefence::{CacheFence, Redis, force_refresh};
use cachefence_tests::{DEADLINE, RedisCluster, Stop, slot_of};
use tokio::task::spawn_blocking;

const TTL: Duration = Duration::from_secs(3_600);

async fn patient(cluster: &RedisCluster) -> CacheFence {
    let builder = CacheFence::builder().redis(Redis::cluster(cluster.urls())).op_timeout(DEADLINE);
    builder.beta(0.0).lock_timeout(TTL).build().await.unwrap()
}

/// The names of `key` that are at a node, to whoever says ASKING.
fn names_at(cluster: &RedisCluster, node: usize, key: &str) -> Vec<String> {
    let mut connection = cluster.node(node).connection();
    let names = [key.to_owned(), format!("~lock:{{{key}}}"), format!("~hedge:{{{key}}}")];
    names
        .into_iter()
        .filter(|name| {
            let ((), there): ((), redis::RedisResult<bool>) = redis::pipe()
                .cmd("ASKING")
                .cmd("EXISTS")
                .arg(name)
                .ignore_errors()
                .query(&mut connection)
                .unwrap();
            // The node that hands the slot over says ASK for what it does not have.
            there.unwrap_or(false)
        })
        .collect()
}

/// Each of entry, lease and hedge is on the node that had the slot, on the one that is to have it, or nowhere.
#[tokio::test]
async fn wherever_the_names_of_a_key_are_none_is_left() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let [cache, other] = [patient(&cluster).await, patient(&cluster).await];
    for (n, places) in (0..27).map(|n| (n, [n % 3, n / 3 % 3, n / 9])) {
        let key = &format!("k{n}");
        let (from, slot) = (cluster.owner_of(key), slot_of(key));
        let to = (from + 1) % 3;
        let set = async |value: u32| cache.entry::<u32>(key).ttl(TTL).set(&value).await.unwrap();
        set(1).await;
        // The lease is that of a load that goes on.
        let stop = Stop::new();
        let load = tokio::spawn({
            let (other, key, stop) = (other.clone(), key.clone(), Arc::clone(&stop));
            async move {
                let load = || async move {
                    stop.pass().await;
                    Ok::<_, Infallible>(2)
                };
                force_refresh(other.get_or_set(key, TTL, load)).await.unwrap()
            }
        });
        stop.reached().await;
        let names = [key.clone(), format!("~lock:{{{key}}}"), format!("~hedge:{{{key}}}")];
        cluster.node(from).cli(&["SET", &names[2], "a token", "PX", "1000000"]);
        assert_eq!(names_at(&cluster, from, key), names);
        for (name, place) in names.iter().zip(places) {
            if place == 2 {
                cluster.node(from).cli(&["DEL", name]);
            }
        }
        cluster.begin_move(slot, from, to);
        for (name, place) in names.iter().zip(places) {
            if place == 1 {
                cluster.migrate(&[name], from, to);
            }
        }
        // A cached entry is read wherever it is; one that was deleted is loaded.
        let body = || async { Ok::<_, Infallible>(3) };
        let read = cache.get_or_set(key, TTL, body).await.unwrap();
        assert_eq!(read, if places[0] == 2 { 3 } else { 1 }, "{places:?}");

        cache.invalidate(key).await.unwrap();
        let left = [from, to].map(|node| names_at(&cluster, node, key));
        assert_eq!(left, [const { Vec::<String>::new() }; 2], "{places:?}");
        assert_eq!(cache.get_or_set(key, TTL, body).await.unwrap(), 3, "{places:?}");
        // The load that was under way stores nothing, neither now nor after the move.
        if n % 2 == 0 {
            cluster.finish_move(slot, from, to);
        }
        stop.go();
        assert_eq!(load.await.unwrap(), 2, "{places:?}");
        if n % 2 != 0 {
            let left = [from, to].map(|node| names_at(&cluster, node, key));
            assert_eq!(left, [const { Vec::<String>::new() }; 2], "{places:?}");
            cluster.finish_move(slot, from, to);
        }
        let left: Option<u32> = cache.entry::<u32>(key).peek().await.unwrap();
        assert_eq!(left, None, "{places:?}");
        assert_eq!(cache.get_or_set(key, TTL, body).await.unwrap(), 3);
        assert_eq!(cache.entry::<u32>(key).peek().await.unwrap(), Some(3), "cached again");
    }
}

/// The keys of one slot move one by one, and each is invalidated at about the same time: before, while and after it
/// moves.
#[tokio::test]
async fn what_moves_while_it_is_invalidated_is_gone() {
    const KEYS: usize = 300;
    let cluster = Arc::new(RedisCluster::builder().replicas(0).start());
    let cache = patient(&cluster).await;
    let (from, slot) = (cluster.owner_of("{tag}"), slot_of("{tag}"));
    let to = (from + 1) % 3;
    let keys: Vec<String> = (0..KEYS).map(|n| format!("{{tag}}:{n}")).collect();
    for key in &keys {
        cache.entry::<u32>(key).ttl(TTL).set(&1).await.unwrap();
    }
    cluster.begin_move(slot, from, to);
    let moves = spawn_blocking({
        let (cluster, keys) = (Arc::clone(&cluster), keys.clone());
        move || keys.iter().for_each(|key| cluster.migrate(&[key], from, to))
    });
    for key in &keys {
        cache.invalidate(key).await.unwrap();
        let mut nodes = [from, to].map(|node| cluster.node(node).connection());
        let left = nodes.each_mut().map(|node| {
            let ((), there): ((), redis::RedisResult<bool>) = redis::pipe()
                .cmd("ASKING")
                .cmd("EXISTS")
                .arg(key)
                .ignore_errors()
                .query(node)
                .unwrap();
            there.unwrap_or(false)
        });
        assert_eq!(left, [false; 2], "{key}");
    }
    moves.await.unwrap();
    cluster.finish_move(slot, from, to);
    for key in &keys {
        assert_eq!(cache.entry::<u32>(key).peek().await.unwrap(), None, "{key}");
    }
}

#[tokio::test]
async fn many_keys_of_a_slot_that_moves_are_gone_after_one_call() {
    const KEYS: usize = 300;
    let cluster = RedisCluster::builder().replicas(0).start();
    let cache = patient(&cluster).await;
    let (from, slot) = (cluster.owner_of("{tag}"), slot_of("{tag}"));
    let (to, third) = ((from + 1) % 3, (from + 2) % 3);
    // Of that slot, and of others.
    let mut keys: Vec<String> = (0..KEYS).map(|n| format!("{{tag}}:{n}")).collect();
    keys.extend((0..KEYS).map(|n| format!("k{n}")));
    let fill = async || {
        for key in &keys {
            cache.entry::<u32>(key).ttl(TTL).set(&1).await.unwrap();
        }
        cluster.reset_stats();
        cluster.node(third).scan_keys().len()
    };
    let of_third = fill().await;
    cluster.begin_move(slot, from, to);
    cluster.migrate(&keys[..KEYS / 2], from, to);
    cache.invalidate_many(&keys).await.unwrap();
    assert!(cluster.nodes().all(|node| node.scan_keys().is_empty()));
    let sent_again = cluster.node(third).command_count("del") - of_third as u64;
    assert_eq!(sent_again, 0, "keys of other slots");

    cluster.finish_move(slot, from, to);
    fill().await;
    // The cache hears of this move by its invalidation.
    cluster.move_slot(slot, to, from);
    cache.invalidate_many(&keys).await.unwrap();
    assert!(cluster.nodes().all(|node| node.scan_keys().is_empty()));
}
