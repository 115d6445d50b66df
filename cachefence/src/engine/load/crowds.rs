//! The crowds: the callers of each key that run bodies of their own, after a load that could not be shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{Semaphore, watch};

use crate::engine::landing::Landing;
use crate::sync::lock;

/// How many callers of one key run bodies of their own at once.
const AT_ONCE: usize = 16;

/// The callers that run bodies of their own, by key, for as long as there are some.
#[derive(Default)]
pub(in crate::engine) struct Crowds(Mutex<HashMap<String, Weak<Crowd>>>);

/// The callers of one key that run bodies of their own.
pub(super) struct Crowd {
    pub(super) turns: Semaphore,
    /// What the last body that ended has for those who wait for their turn.
    pub(super) latest: watch::Sender<Option<Landing>>,
}

impl Crowds {
    /// The crowd of `key`.
    pub(super) fn of(&self, key: &str) -> Arc<Crowd> {
        let mut crowds = lock(&self.0);
        if let Some(crowd) = crowds.get(key).and_then(Weak::upgrade) {
            return crowd;
        }
        if crowds.len() == crowds.capacity() {
            crowds.retain(|_, crowd| crowd.strong_count() > 0);
        }
        let crowd =
            Arc::new(Crowd { turns: Semaphore::new(AT_ONCE), latest: watch::Sender::new(None) });
        crowds.insert(key.to_owned(), Arc::downgrade(&crowd));
        crowd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_crowd_while_there_is_one() {
        let crowds = Crowds::default();
        let crowd = crowds.of("k");
        assert!(Arc::ptr_eq(&crowd, &crowds.of("k")));
        assert!(!Arc::ptr_eq(&crowd, &crowds.of("other")));
    }

    #[test]
    fn crowds_that_are_over_are_swept() {
        let crowds = Crowds::default();
        let used = crowds.of("used");
        for key in 0..1_000 {
            drop(crowds.of(&key.to_string()));
        }
        assert!(lock(&crowds.0).capacity() < 100);
        assert!(Arc::ptr_eq(&used, &crowds.of("used")), "it is not swept along");
    }
}
