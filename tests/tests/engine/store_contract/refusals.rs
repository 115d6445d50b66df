//! What a server refuses: the error says why, whichever way a step is taken, and nothing is left half written.

use std::fs;
use std::sync::Arc;

use cachefence::store::{Acquire, Acquired, Health, Key, Outcome, Take, Token};
use cachefence::{Store, StoreError, testing};
use cachefence_tests::{RedisServer, USER, until};

use super::{Fixture, LEASE, acquire, key, put, read, stored, value};

/// A step that writes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Acquire(Take),
    Renew,
    Store,
    Mark,
    Postpone,
    Release,
}

const STEPS: [Step; 8] = [
    Step::Acquire(Take::IfFree),
    Step::Acquire(Take::Beside),
    Step::Acquire(Take::Force),
    Step::Renew,
    Step::Store,
    Step::Mark,
    Step::Postpone,
    Step::Release,
];

impl Step {
    /// Takes the step: `held` has an entry and a lease that holds `token`, and `free` has neither.
    async fn take(
        self,
        store: &Arc<dyn Store>,
        free: &Key,
        held: &Key,
        token: Token,
    ) -> Result<bool, StoreError> {
        let outcome = match self {
            Self::Acquire(take) => {
                let key = if take == Take::IfFree { free } else { held };
                let seen = read(store, key).await.map(|found| found.revision);
                let request = Acquire::new(testing::token(), LEASE).take(take).seen(seen);
                let acquired = store.acquire(key, &request).await?;
                return Ok(matches!(acquired, Acquired::Lease));
            }
            Self::Renew => return store.renew(held, token, LEASE * 2).await,
            Self::Store => stored("new"),
            Self::Mark => Outcome::Uncacheable(LEASE),
            Self::Postpone => Outcome::Postpone(LEASE),
            Self::Release => Outcome::Release,
        };
        store.finish(held, &[token], &outcome).await
    }
}

/// Everything that the server holds, and whether it lives as long as it did at first.
fn contents(server: &RedisServer) -> Vec<(String, Vec<u8>, bool)> {
    let mut connection = server.connection();
    let content = |name: String| {
        let value = redis::cmd("GET").arg(&name).query(&mut connection).unwrap();
        let left: u64 = redis::cmd("PTTL").arg(&name).query(&mut connection).unwrap();
        let longest = if name == "held" { 60_000 } else { 10_000 };
        (name, value, left <= longest)
    };
    server.scan_keys().into_iter().map(content).collect()
}

/// Has the server refuse writes for the reason of this code. Which of them are taken all the same.
async fn refuse(server: &RedisServer, code: &str, by_scripts: bool) -> &'static [Step] {
    match code {
        "OOM" => {
            server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
            // Inside a transaction, some full servers refuse whatever it is, because it would have to be queued.
            let delete = redis::pipe().atomic().del("nothing").exec(&mut server.connection());
            return if by_scripts || delete.is_ok() { &[Step::Release] } else { &[] };
        }
        "READONLY" => {
            // Nobody listens there.
            server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
        }
        "NOREPLICAS" => {
            server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        }
        "MISCONF" => {
            // Nothing can be saved under the name of a directory.
            fs::create_dir(server.dir().join("dump.rdb")).unwrap();
            server.cli(&["CONFIG", "SET", "save", "3600 1000"]);
            server.cli(&["BGSAVE"]);
            let failed = || server.cli(&["INFO", "persistence"]).contains("bgsave_status:err");
            until("saving fails", failed).await;
        }
        _ => {
            server.cli(&["ACL", "SETUSER", USER, "-set", "-setrange"]);
            return &[Step::Release];
        }
    }
    &[]
}

async fn is_told_and_leaves_nothing_half_written(fixture: Fixture, code: &str) {
    let Fixture { store, server } = fixture;
    let [free, held, other] = ["free", "held", "other"].map(key);
    let seen = put(&store, &held, value("v")).await;
    let token = acquire(&store, &held, seen).await.unwrap();
    let before = contents(&server);
    let accepted = refuse(&server, code, store.status().scripts).await;
    for step in STEPS {
        if accepted.contains(&step) {
            continue;
        }
        let refused = step.take(&store, &free, &held, token).await;
        let error = refused.expect_err("it is refused").to_string();
        assert!(error.contains(code), "{step:?}: {error}");
        assert_eq!(contents(&server), before, "{step:?}: {code}");
        // Too many errors in a row would end all this, if they count.
        let _ = store.invalidate(std::slice::from_ref(&other)).await;
        assert_eq!(read(&store, &held).await.unwrap().payload, "v", "{step:?}: {code}");
        assert_ne!(store.status().health, Health::Down, "{step:?}: {code}");
        if code != "NOPERM" {
            assert!(!store.status().writes, "{step:?}: {code}");
        }
    }
    for step in accepted {
        assert!(step.take(&store, &free, &held, token).await.unwrap(), "{step:?}: {code}");
        assert_eq!(server.cli(&["EXISTS", &held.lease_name()]), "0");
    }
}

pub(super) async fn a_full_server_says_so(fixture: Fixture) {
    is_told_and_leaves_nothing_half_written(fixture, "OOM").await;
}

pub(super) async fn a_replica_says_so(fixture: Fixture) {
    is_told_and_leaves_nothing_half_written(fixture, "READONLY").await;
}

pub(super) async fn a_server_without_replicas_says_so(fixture: Fixture) {
    is_told_and_leaves_nothing_half_written(fixture, "NOREPLICAS").await;
}

pub(super) async fn a_server_that_cannot_save_says_so(fixture: Fixture) {
    is_told_and_leaves_nothing_half_written(fixture, "MISCONF").await;
}

pub(super) async fn a_server_that_forbids_a_command_says_so(fixture: Fixture) {
    is_told_and_leaves_nothing_half_written(fixture, "NOPERM").await;
}

/// Whoever may not look at an entry does not write over it.
pub(super) async fn a_server_that_forbids_a_look_says_so(fixture: Fixture) {
    let Fixture { store, server } = fixture;
    let [free, held] = ["free", "held"].map(key);
    let seen = put(&store, &held, value("v")).await;
    let token = acquire(&store, &held, seen).await.unwrap();
    let before = contents(&server);
    server.cli(&["ACL", "SETUSER", USER, "-getrange"]);
    for step in [Step::Mark, Step::Postpone] {
        let refused = step.take(&store, &free, &held, token).await;
        let error = refused.expect_err("it is refused").to_string();
        assert!(error.contains("NOPERM"), "{step:?}: {error}");
        assert_eq!(contents(&server), before, "{step:?}");
    }
    assert!(Step::Store.take(&store, &free, &held, token).await.unwrap(), "no look is needed");
}
