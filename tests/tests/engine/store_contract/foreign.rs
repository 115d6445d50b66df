//! What somebody else has put under an entry's name, or under its slot's: it is neither, and in
//! nobody's way.

use std::sync::Arc;

use cachefence::store::{Key, Outcome, Take};
use cachefence::{Store, testing};
use cachefence_tests::RedisServer;

use super::{Fixture, LEASE, acquire, key, put, read, stored, take, value};

/// A command, without the name that it is about: that comes second.
type Plant = Vec<Vec<u8>>;

fn words(words: &[&[u8]]) -> Plant {
    words.iter().map(|word| word.to_vec()).collect()
}

/// How to put there whatever is no entry of `key`, and no slot.
async fn plants(store: &Arc<dyn Store>, server: &RedisServer, key: &Key) -> Vec<Plant> {
    let other = testing::key("other");
    put(store, &other, value("of another key")).await;
    put(store, key, value("")).await;
    let mut connection = server.connection();
    let mut head = |name: &str, end: isize| -> Vec<u8> {
        redis::cmd("GETRANGE").arg(name).arg(0).arg(end).query(&mut connection).unwrap()
    };
    let token = testing::token();
    let strings = [
        format!("{token}"),
        format!("{token}:"),
        format!("{token}:60000x"),
        format!("x{token}:60000"),
        "garbage:60000".to_owned(),
        format!("{token}:59"), // what is left of it is more than its term
    ];
    let strings = strings.map(String::into_bytes).into_iter().chain([
        Vec::new(),
        b"garbage".to_vec(),
        vec![b'x'; 1_000],
        head(other.as_str(), -1),
        head(key.as_str(), 62), // cut off by a byte
        head(key.as_str(), 27), // all that tells that it is an entry, and its revision
    ]);
    let strings: Vec<_> = strings.collect();
    let mut plants = vec![
        words(&[b"SET", format!("{token}:60000").as_bytes()]), // a slot that never ends
        words(&[b"HSET", b"field", b"value"]),
        words(&[b"RPUSH", b"element"]),
        words(&[b"SADD", b"member"]),
    ];
    for string in &strings {
        plants.push(words(&[b"SET", string]));
        plants.push(words(&[b"SET", string, b"PX", b"60000"]));
    }
    plants
}

fn plant(server: &RedisServer, name: &str, words: &Plant) {
    server.cli(&["DEL", name]);
    let command = str::from_utf8(&words[0]).unwrap();
    let mut connection = server.connection();
    redis::cmd(command).arg(name).arg(&words[1..]).exec(&mut connection).unwrap();
}

fn dump(server: &RedisServer, name: &str) -> Vec<u8> {
    redis::cmd("DUMP").arg(name).query(&mut server.connection()).unwrap()
}

pub(super) async fn foreign_data_is_no_entry_and_no_slot(Fixture { store, server }: Fixture) {
    let key = key("k");
    let (entry, lease, hedge) = (key.as_str(), &*key.lease_name(), &*key.hedge_name());
    let plants = plants(&store, &server, &key).await;
    for name in [entry, lease, hedge] {
        for words in &plants {
            server.cli(&["DEL", entry, lease, hedge]);
            plant(&server, name, words);
            assert!(read(&store, &key).await.is_none(), "{words:?}");
            let token = acquire(&store, &key, None).await;
            let token = token.unwrap_or_else(|| panic!("{words:?} blocks the key"));
            if name == hedge {
                let hedge = take(&store, &key, Take::Beside, None).await;
                assert!(hedge.is_some(), "{words:?} blocks the hedge");
            }
            let healed = store.finish(&key, &[token], &stored("healed")).await;
            assert!(healed.unwrap(), "{words:?}");
            assert_eq!(read(&store, &key).await.unwrap().payload, "healed", "{words:?}");
        }
    }
}

pub(super) async fn a_slot_that_is_written_over_is_lost(Fixture { store, server }: Fixture) {
    let key = key("k");
    let plants = plants(&store, &server, &key).await;
    for (beside, name) in [(false, key.lease_name()), (true, key.hedge_name())] {
        for words in &plants {
            store.invalidate(std::slice::from_ref(&key)).await.unwrap();
            let mut token = acquire(&store, &key, None).await.unwrap();
            if beside {
                token = take(&store, &key, Take::Beside, None).await.unwrap();
            }
            plant(&server, &name, words);
            assert!(!store.renew(&key, token, LEASE).await.unwrap(), "{words:?}");
            for outcome in [
                stored("v"),
                Outcome::Release,
                Outcome::Postpone(LEASE),
                Outcome::Uncacheable(LEASE),
            ] {
                assert!(!store.finish(&key, &[token], &outcome).await.unwrap(), "{words:?}");
            }
            assert_eq!(server.cli(&["EXISTS", key.as_str(), &name]), "1", "{words:?}");
        }
    }
}

pub(super) async fn holding_off_changes_nothing_but_entries(Fixture { store, server }: Fixture) {
    let key = key("k");
    let plants = plants(&store, &server, &key).await;
    for words in &plants {
        server.cli(&["DEL", key.as_str()]);
        let token = acquire(&store, &key, None).await.unwrap();
        plant(&server, key.as_str(), words);
        let before = dump(&server, key.as_str());
        let postpone = Outcome::Postpone(LEASE);
        assert!(store.finish(&key, &[token], &postpone).await.unwrap(), "{words:?}");
        assert_eq!(dump(&server, key.as_str()), before, "{words:?}");
        assert_eq!(server.cli(&["EXISTS", &key.lease_name()]), "0", "{words:?}");
        // A mark takes the place of whatever is no entry.
        let token = acquire(&store, &key, None).await.unwrap();
        let mark = Outcome::Uncacheable(LEASE);
        assert!(store.finish(&key, &[token], &mark).await.unwrap(), "{words:?}");
        assert_eq!(read(&store, &key).await.unwrap().payload, "", "{words:?}");
    }
}

/// It begins as an entry of its key does, and lives for longer than it says.
pub(super) async fn an_entry_that_outlives_its_life_gives_way(Fixture { store, server }: Fixture) {
    let key = key("k");
    for mark in [false, true] {
        let seen = put(&store, &key, value("v")).await;
        let mut connection = server.connection();
        let mut expire_never = redis::cmd("SETRANGE");
        expire_never.arg(key.as_str()).arg(36).arg(&[127_u8; 8][..]);
        expire_never.exec(&mut connection).unwrap();
        assert!(read(&store, &key).await.is_none());
        for seen in [None, seen] {
            let token = acquire(&store, &key, seen).await.expect("it is in nobody's way");
            assert!(store.finish(&key, &[token], &Outcome::Release).await.unwrap());
        }
        let token = acquire(&store, &key, None).await.unwrap();
        let outcome = if mark { Outcome::Uncacheable(LEASE) } else { stored("healed") };
        assert!(store.finish(&key, &[token], &outcome).await.unwrap());
        let healed = read(&store, &key).await.unwrap();
        assert_eq!(healed.payload, if mark { "" } else { "healed" });
    }
}
