//! A cluster forms, moves its slots and replaces a primary.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use cachefence_tests::{Authority, RedisCluster, RedisServer, USER, slot_of};

/// Gets `key` where it is, in the name of a cache; `None` if there is nothing.
fn get(cluster: &RedisCluster, key: &str) -> Option<String> {
    let url = cluster.node(cluster.owner_of(key)).url();
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    redis::cmd("GET").arg(key).query(&mut connection).expect("the owner of the slot answers")
}

fn set(cluster: &RedisCluster, key: &str) {
    cluster.node(cluster.owner_of(key)).cli(&["SET", key, "v"]);
}

#[test]
fn a_cluster_forms_and_its_slots_are_those_of_the_server() {
    for replicas in [0, 1] {
        let began = Instant::now();
        let cluster = RedisCluster::builder().replicas(replicas).start();
        println!("{replicas} replicas: {:?}", began.elapsed());
        assert_eq!(cluster.urls().len(), 3 * (1 + replicas));
        for node in cluster.nodes() {
            assert!(node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        }
        let keys = ["", "k", "{a}b", "a{b}{c}", "{}{x}", "{x", "}{", "{{x}}", "ß:{ß}"];
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            let slot = cluster.node(0).cli(&["CLUSTER", "KEYSLOT", key]);
            assert_eq!(slot_of(key).to_string(), slot, "{key}");
            set(&cluster, key);
            assert_eq!(get(&cluster, key).as_deref(), Some("v"), "{key}");
        }
        cluster.reset_stats();
        for i in 0..cluster.primaries() {
            let _ = redis::cmd("TIME").exec(&mut cluster.node(i).connection());
        }
        assert_eq!(cluster.command_count("time"), 3);
    }
}

#[test]
fn a_slot_moves_with_its_keys_stage_by_stage() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let keys: Vec<String> = (0..250).map(|n| format!("{{tag}}:{n}")).collect();
    for key in &keys {
        set(&cluster, key);
    }
    let (slot, from) = (slot_of("tag"), cluster.owner_of("tag"));
    let to = (from + 1) % cluster.primaries();
    let error = |i: usize, key: &str| {
        let reply =
            redis::cmd("GET").arg(key).query::<Option<String>>(&mut cluster.node(i).connection());
        reply.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
    };

    cluster.begin_move(slot, from, to);
    assert_eq!(error(from, "{tag}:none"), "ASK");
    assert_eq!(error(from, &keys[0]), "", "the key is still there");
    assert_eq!(error(to, &keys[0]), "MOVED");
    cluster.migrate(&keys[..1], from, to);
    assert_eq!(error(from, &keys[0]), "ASK");
    assert_eq!(cluster.migrate_keys(slot, from, to), 249);
    assert_eq!(cluster.owner(slot), from);
    cluster.finish_move(slot, from, to);
    for i in (0..cluster.primaries()).filter(|i| *i != to) {
        assert_eq!(error(i, &keys[0]), "MOVED");
    }
    assert_eq!(cluster.owner(slot), to);
    assert!(keys.iter().all(|key| get(&cluster, key).as_deref() == Some("v")));
    assert_eq!(cluster.node(from).scan_keys(), [""; 0]);
}

#[test]
fn a_killed_primary_is_replaced_and_comes_back_as_a_replica() {
    let mut cluster = RedisCluster::start();
    set(&cluster, "k");
    let (slot, owner) = (slot_of("k"), cluster.owner_of("k"));
    cluster.node(owner).cli(&["WAIT", "1", "10000"]);
    cluster.kill_primary(owner);
    let began = Instant::now();
    let promoted = cluster.await_promotion(owner);
    println!("promoted: {:?}", began.elapsed());
    assert_eq!(cluster.owner(slot), promoted);
    assert_eq!(get(&cluster, "k").as_deref(), Some("v"));
    let began = Instant::now();
    cluster.restart(owner);
    println!("back: {:?}", began.elapsed());
    assert!(!cluster.is_primary(owner));
    assert_eq!(cluster.node(owner).scan_keys(), ["k"], "a copy of the new primary's");

    // And the other way round.
    cluster.kill_primary(promoted);
    assert_eq!(cluster.await_promotion(promoted), owner);
    assert_eq!(cluster.owner(slot), owner);
}

#[test]
fn a_paused_primary_is_replaced_and_a_failover_gives_its_slots_back() {
    let cluster = RedisCluster::start();
    let owner = cluster.owner_of("k");
    cluster.pause(owner);
    let promoted = cluster.await_promotion(owner);
    assert_eq!(cluster.owner_of("k"), promoted);
    cluster.resume(owner);
    cluster.await_agreement();
    assert!(!cluster.is_primary(owner));
    assert_eq!(cluster.failover(promoted), owner);
    assert_eq!(cluster.owner_of("k"), owner);
}

#[test]
fn slots_that_move_fast_and_in_circles_are_never_lost() {
    let cluster = RedisCluster::start();
    let began = Instant::now();
    for n in 0..600 {
        let (from, slot) = (usize::from(n % 3), (n % 3) * 5_461 + 1 + n / 3);
        cluster.move_slot(slot, from, (from + 1) % 3);
    }
    println!("600 slots: {:?}", began.elapsed());
    cluster.await_agreement();
}

#[test]
fn a_slot_with_keys_left_does_not_change_hands() {
    let cluster = RedisCluster::builder().replicas(0).start();
    set(&cluster, "k");
    let (slot, from) = (slot_of("k"), cluster.owner_of("k"));
    let to = (from + 1) % cluster.primaries();
    cluster.begin_move(slot, from, to);
    let finish = AssertUnwindSafe(|| cluster.finish_move(slot, from, to));
    catch_unwind(finish).expect_err("the key would be lost");
    assert_eq!(get(&cluster, "k").as_deref(), Some("v"));
}

#[test]
fn nodes_with_a_password_form_a_cluster_and_move_slots() {
    let cluster = RedisCluster::builder().each(|node| node.password("s3cretpass")).start();
    set(&cluster, "k");
    let from = cluster.owner_of("k");
    cluster.move_slot(slot_of("k"), from, (from + 1) % cluster.primaries());
    assert_eq!(get(&cluster, "k").as_deref(), Some("v"));
}

#[test]
fn the_user_of_a_cluster_may_learn_its_slots() {
    let cluster = RedisCluster::builder().replicas(0).start();
    let single = RedisServer::start();
    let refused = |server: &RedisServer, command: &[&str]| {
        let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let reply =
            redis::cmd(command[0]).arg(&command[1..]).query::<redis::Value>(&mut connection);
        reply.is_err_and(|error| error.code() == Some("NOPERM"))
    };
    for command in [&["CLUSTER", "SLOTS"][..], &["CLUSTER", "INFO"], &["ASKING"]] {
        assert!(!refused(cluster.node(0), command), "{USER} may send {command:?}");
        assert!(refused(&single, command), "the user of a single server may not");
    }
    assert!(refused(cluster.node(0), &["CLUSTER", "RESET"]));
}

#[test]
fn a_cluster_speaks_tls_and_tells_the_ports_for_it() {
    let Some(builder) = RedisCluster::builder().tls(&Authority::new()) else { return };
    let cluster = builder.start();
    assert!(cluster.urls().iter().all(|url| url.starts_with("rediss://")));
    set(&cluster, "k");
    let from = cluster.owner_of("k");
    let to = (from + 1) % cluster.primaries();
    cluster.move_slot(slot_of("k"), from, to);
    assert_eq!(get(&cluster, "k").as_deref(), Some("v"));
    // Over a plain connection a client learns plain ports. A server names a replica only when it has data.
    let slots = cluster.node(from).cli(&["CLUSTER", "SLOTS"]);
    for i in 0..cluster.primaries() {
        assert!(slots.contains(&cluster.node(i).port().to_string()), "{slots}");
    }
    assert_eq!(cluster.failover(to), to + 3);
    assert_eq!(get(&cluster, "k").as_deref(), Some("v"));
}
