//! What somebody else has put under an entry's name, or under its lock's: it is neither, and in
//! nobody's way.

use std::sync::Arc;

use cachefence::__private::testing;
use cachefence::{Acquired, Key, Store};
use cachefence_tests::RedisServer;

use super::{Fixture, LEASE, acquire, key, put, read, value};

/// A command, without the name that it is about: that comes second.
type Plant = Vec<Vec<u8>>;

fn words(words: &[&[u8]]) -> Plant {
    words.iter().map(|word| word.to_vec()).collect()
}

/// How to put there whatever is no entry of `key`, and no lock.
async fn plants(store: &Arc<dyn Store>, server: &RedisServer, key: &Key) -> Vec<Plant> {
    let other = testing::key("other");
    put(store, &other, &value("of another key")).await;
    put(store, key, &value("")).await;
    let mut connection = server.connection();
    let mut head = |name: &str, end: isize| -> Vec<u8> {
        redis::cmd("GETRANGE").arg(name).arg(0).arg(end).query(&mut connection).unwrap()
    };
    let strings = [
        Vec::new(),
        b"garbage".to_vec(),
        vec![b'x'; 1_000],
        head(other.as_str(), -1),
        head(key.as_str(), 62), // cut off by a byte
        head(key.as_str(), 27), // all that tells that it is an entry, and its version
    ];
    let mut plants = vec![
        words(&[b"SET", testing::token().to_string().as_bytes()]), // a lock that never ends
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

pub(super) async fn foreign_data_is_no_entry_and_no_lock(Fixture { store, server }: Fixture) {
    let Some(server) = server else { return };
    let key = key("k");
    let (entry, lock) = (key.as_str(), &*key.lease_name());
    let plants = plants(&store, &server, &key).await;
    for name in [entry, lock] {
        for words in &plants {
            server.cli(&["DEL", entry, lock]);
            plant(&server, name, words);
            assert!(read(&store, &key).await.is_none(), "{words:?}");
            let token = acquire(&store, &key, None).await;
            let token = token.unwrap_or_else(|| panic!("{words:?} blocks the key"));
            assert!(store.fill(&key, &token, &value("healed")).await.unwrap(), "{words:?}");
            assert_eq!(read(&store, &key).await.unwrap().payload, "healed", "{words:?}");
        }
    }
}

pub(super) async fn an_empty_value_is_an_entry(Fixture { store, .. }: Fixture) {
    let key = key("k");
    let version = put(&store, &key, &value("")).await;
    let acquired = store.acquire(&key, &testing::token(), LEASE, None).await.unwrap();
    let Acquired::Newer(found) = acquired else { panic!("{acquired:?}") };
    assert_eq!((&*found.payload, Some(found.revision)), (&b""[..], version));
}

pub(super) async fn a_lock_that_is_written_over_is_lost(Fixture { store, server }: Fixture) {
    let Some(server) = server else { return };
    let key = key("k");
    let plants = plants(&store, &server, &key).await;
    store.invalidate(&key).await.unwrap();
    for words in &plants {
        let token = acquire(&store, &key, None).await.unwrap();
        plant(&server, &key.lease_name(), words);
        assert!(!store.fill(&key, &token, &value("v")).await.unwrap(), "{words:?}");
        assert!(!store.renew(&key, &token, LEASE).await.unwrap(), "{words:?}");
        assert!(!store.release(&key, &token).await.unwrap(), "{words:?}");
        assert!(!store.postpone(&key, &token, LEASE).await.unwrap(), "{words:?}");
        assert_eq!(server.cli(&["EXISTS", key.as_str(), &key.lease_name()]), "1", "{words:?}");
    }
}

pub(super) async fn postponing_marks_nothing_but_entries(Fixture { store, server }: Fixture) {
    let Some(server) = server else { return };
    let key = key("k");
    let plants = plants(&store, &server, &key).await;
    for words in &plants {
        server.cli(&["DEL", key.as_str()]);
        let token = acquire(&store, &key, None).await.unwrap();
        plant(&server, key.as_str(), words);
        let before = dump(&server, key.as_str());
        assert!(store.postpone(&key, &token, LEASE).await.unwrap(), "{words:?}");
        assert_eq!(dump(&server, key.as_str()), before, "{words:?}");
        assert_eq!(server.cli(&["EXISTS", &key.lease_name()]), "0", "{words:?}");
    }
}
