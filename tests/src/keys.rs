//! The keys that a test makes and must not leave.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{RedisServer, must_not_be_logged};

/// Returns a namespace that no other call returns, in this process or in another running one.
#[must_use]
pub fn namespace() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let namespace = format!("test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    must_not_be_logged(format!("{namespace}:"));
    namespace
}

/// Asserts that no lease and no hedge is left on the server.
///
/// # Panics
///
/// When a key is named as one; the message names all that are.
#[track_caller]
pub fn assert_no_locks(server: &RedisServer) {
    let is_lock = |key: &String| key.contains("~lock:") || key.contains("~hedge:");
    let locks: Vec<String> = server.scan_keys().into_iter().filter(is_lock).collect();
    assert!(locks.is_empty(), "locks left behind: {locks:?}");
}

impl RedisServer {
    /// Returns all keys, sorted.
    ///
    /// # Panics
    ///
    /// As [`cli`](Self::cli).
    #[track_caller]
    pub fn scan_keys(&self) -> Vec<String> {
        let mut connection = self.connection();
        let (mut keys, mut cursor) = (Vec::new(), 0_u64);
        loop {
            let (next, page): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg(&["COUNT", "1000"])
                .query(&mut connection)
                .unwrap_or_else(|error| panic!("SCAN: {error}"));
            keys.extend(page.iter().map(|key| String::from_utf8_lossy(key).into_owned()));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        keys.sort();
        keys.dedup(); // SCAN may return a key more than once
        keys
    }
}
