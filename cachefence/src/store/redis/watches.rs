//! Who waits for which key, and the pushes that wake them.
//!
//! A waiter's `acquire` goes over a connection of its own kind: RESP3, where the server tells a client
//! which of the keys that it has read have changed (`CLIENT TRACKING` with `OPTIN`). The script reads
//! entry and lock, so a store, a release, an expiry and an invalidation all come as pushes. Such a
//! connection is made when somebody first has to wait. A server without RESP3 has none, and waiters
//! look again and again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::{PushInfo, PushKind, Value};

use crate::key::Key;
use crate::store::{Wake, Watch};

#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<HashMap<String, Vec<Wake>>>);

impl Watches {
    /// Has `watch` woken when the entry or the lock of `key` changes.
    pub(super) fn add(&self, key: &Key, watch: &Watch) {
        let mut watches = self.lock();
        if watches.len() == watches.capacity() {
            watches.retain(|_, watches| watches.iter().any(|watch| !watch.is_abandoned()));
        }
        let wake = watch.arm();
        for name in [key.as_str().to_owned(), key.lease_name(), key.hedge_name()] {
            let of_name = watches.entry(name).or_default();
            of_name.retain(|other| !other.is_abandoned() && !other.is(&wake));
            of_name.push(wake.clone());
        }
    }

    /// Takes in what the server, or the end of the connection, has to say.
    pub(super) fn push(&self, info: &PushInfo) {
        match (&info.kind, info.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(names))) => {
                let mut watches = self.lock();
                for name in names {
                    let Value::BulkString(name) = name else { continue };
                    let of_name =
                        std::str::from_utf8(name).ok().and_then(|name| watches.remove(name));
                    of_name.into_iter().flatten().for_each(|wake| wake.wake());
                }
            }
            // `FLUSHALL` names no keys.
            (PushKind::Invalidate, _) => self.take().iter().for_each(Wake::wake),
            (PushKind::Disconnection, _) => self.disarm(),
            _ => {}
        }
    }

    /// Has everybody look by themselves: there will be no more pushes.
    pub(super) fn disarm(&self) {
        self.take().iter().for_each(Wake::disarm);
    }

    fn take(&self) -> Vec<Wake> {
        self.lock().drain().flat_map(|(_, watches)| watches).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Wake>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
