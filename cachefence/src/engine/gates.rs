//! How many callers of one key run recomputes of their own at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// The bound, per key.
const MOST_AT_A_TIME: usize = 16;

/// One gate per key, for as long as somebody is at it.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<String, Weak<Semaphore>>>);

impl Gates {
    /// The gate of `key`.
    pub(super) fn of(&self, key: &str) -> Arc<Semaphore> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(key).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Semaphore::new(MOST_AT_A_TIME));
        gates.insert(key.to_owned(), Arc::downgrade(&gate));
        gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_gate_while_it_is_used() {
        let gates = Gates::default();
        let gate = gates.of("k");
        assert!(Arc::ptr_eq(&gate, &gates.of("k")));
        assert!(!Arc::ptr_eq(&gate, &gates.of("other")));
        assert_eq!(gate.available_permits(), 16);
    }

    #[test]
    fn unused_gates_are_dropped() {
        let gates = Gates::default();
        for key in ["a", "b", "c"] {
            drop(gates.of(key));
        }
        assert_eq!(gates.0.lock().unwrap().len(), 1);
    }
}
