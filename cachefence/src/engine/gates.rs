//! How many callers of one key run recomputes of their own at a time.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::race::{First, race};
use crate::time::sleep;

/// The bound, per key.
const MOST_AT_A_TIME: usize = 16;

/// One gate per key, for as long as somebody is at it.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<HashMap<String, Weak<Gate>>>);

/// Lets a few through at a time.
#[derive(Debug)]
pub(super) struct Gate {
    permits: Semaphore,
    /// How many have come out, or been let in without a permit.
    moves: AtomicU64,
}

/// The right to run a recompute.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Gates {
    /// The gate of `key`.
    pub(super) fn of(&self, key: &str) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(key).and_then(Weak::upgrade) {
            return gate;
        }
        if gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(Gate::new(MOST_AT_A_TIME));
        gates.insert(key.to_owned(), Arc::downgrade(&gate));
        gate
    }
}

impl Gate {
    /// A gate for `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        let permits = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { permits, moves: AtomicU64::new(0) }
    }

    /// Waits for a permit.
    ///
    /// Whoever holds one may be a caller that is not polled any more. When nobody has come out for
    /// `patience`, one of those who wait goes ahead.
    pub(super) async fn pass(&self, patience: Duration) -> Pass<'_> {
        loop {
            let moves = self.moves.load(Ordering::Relaxed);
            match race(pin!(self.permits.acquire()), pin!(sleep(patience))).await {
                First::A(permit) => return Pass { gate: self, _permit: permit.ok() },
                First::B(()) => {
                    let next = moves.wrapping_add(1);
                    let (now, other) = (Ordering::Relaxed, Ordering::Relaxed);
                    if self.moves.compare_exchange(moves, next, now, other).is_ok() {
                        return Pass { gate: self, _permit: None };
                    }
                }
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.moves.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    #[test]
    fn a_key_has_one_gate_while_it_is_used() {
        let gates = Gates::default();
        let gate = gates.of("k");
        assert!(Arc::ptr_eq(&gate, &gates.of("k")));
        assert!(!Arc::ptr_eq(&gate, &gates.of("other")));
    }

    #[test]
    fn unused_gates_are_swept() {
        let gates = Gates::default();
        let used = gates.of("used");
        for key in 0..1_000 {
            drop(gates.of(&key.to_string()));
        }
        assert!(gates.0.lock().unwrap().capacity() < 100);
        assert!(Arc::ptr_eq(&used, &gates.of("used")), "it is not swept along");
    }

    #[tokio::test(start_paused = true)]
    async fn sixteen_pass_at_a_time() {
        let gate = Gate::new(MOST_AT_A_TIME);
        let mut inside = Vec::new();
        for _ in 0..MOST_AT_A_TIME {
            inside.push(gate.pass(PATIENCE).await);
        }
        assert!(matches!(
            race(pin!(gate.pass(PATIENCE)), pin!(sleep(PATIENCE / 2))).await,
            First::B(())
        ));
        inside.pop();
        assert!(matches!(
            race(pin!(gate.pass(PATIENCE)), pin!(sleep(PATIENCE / 2))).await,
            First::A(_)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_passes_a_gate_that_is_stuck() {
        let gate = Arc::new(Gate::new(MOST_AT_A_TIME));
        let mut stuck = Vec::new();
        for _ in 0..MOST_AT_A_TIME {
            stuck.push(gate.pass(PATIENCE).await);
        }
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let gate = Arc::clone(&gate);
                tokio::spawn(async move {
                    std::mem::forget(gate.pass(PATIENCE).await);
                })
            })
            .collect();
        let ended = || waiting.iter().filter(|task| task.is_finished()).count();
        for expected in 1..=5 {
            sleep(PATIENCE + PATIENCE / 10).await;
            assert!(ended() <= expected, "{} of {expected}", ended());
        }
        sleep(PATIENCE * 5).await;
        assert_eq!(ended(), 5, "all of them in the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_where_somebody_has_come_out_is_not_stuck() {
        let gate = Arc::new(Gate::new(1));
        let first = gate.pass(PATIENCE).await;
        let inside = Arc::new(AtomicU64::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _pass = gate.pass(PATIENCE).await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "both at a time");
                    sleep(PATIENCE * 3 / 4).await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        sleep(PATIENCE * 3 / 4).await;
        drop(first);
        for task in waiting {
            task.await.unwrap();
        }
    }
}
