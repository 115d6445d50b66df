//! Limits: how many recomputes run at a time where callers cannot share one.
//!
//! [`KeyLimits`] bounds the callers of one key that run recomputes for themselves only, after a load
//! that could not be shared. A single [`Limiter`] bounds those that run because the store cannot be
//! asked (`max_bypass`). The holder of a permit may be a caller that is not polled any more. So a
//! limiter in which nothing moves lets one waiter at a time go ahead: it delays callers, but stops
//! none for ever.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::race::{First, race};
use crate::sync::lock;
use crate::time::sleep;

/// How many callers of one key run recomputes of their own at a time.
const MOST_AT_A_TIME: usize = 16;

/// One limiter per key, for as long as a caller uses it.
#[derive(Debug, Default)]
pub(in crate::engine) struct KeyLimits(Mutex<HashMap<String, Weak<Limiter>>>);

/// Gives out a limited number of permits at a time.
#[derive(Debug)]
pub(in crate::engine) struct Limiter {
    permits: Semaphore,
    /// How many permits have been given back, or given out beyond the limit. While this does not
    /// change, the holders may be stuck.
    moves: AtomicU64,
}

/// The right to run a recompute.
#[derive(Debug)]
pub(in crate::engine) struct Permit<'a> {
    limiter: &'a Limiter,
    _permit: Option<SemaphorePermit<'a>>,
}

impl KeyLimits {
    /// The limiter of `key`.
    pub(in crate::engine) fn of(&self, key: &str) -> Arc<Limiter> {
        let mut limits = lock(&self.0);
        if let Some(limiter) = limits.get(key).and_then(Weak::upgrade) {
            return limiter;
        }
        if limits.len() == limits.capacity() {
            limits.retain(|_, limiter| limiter.strong_count() > 0);
        }
        let limiter = Arc::new(Limiter::new(MOST_AT_A_TIME));
        limits.insert(key.to_owned(), Arc::downgrade(&limiter));
        limiter
    }
}

impl Limiter {
    /// A limiter for `most` at a time.
    pub(in crate::engine) fn new(most: usize) -> Self {
        let permits = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { permits, moves: AtomicU64::new(0) }
    }

    /// Waits for a permit.
    ///
    /// The holder of a permit may be a caller that is not polled any more. When no permit has been
    /// given back for `stuck_after`, one waiter is given a permit beyond the limit.
    pub(in crate::engine) async fn permit(&self, stuck_after: Duration) -> Permit<'_> {
        loop {
            let moves = self.moves.load(Ordering::Relaxed);
            match race(pin!(self.permits.acquire()), pin!(sleep(stuck_after))).await {
                First::A(permit) => return Permit { limiter: self, _permit: permit.ok() },
                First::B(()) => {
                    let next = moves.wrapping_add(1);
                    let (now, other) = (Ordering::Relaxed, Ordering::Relaxed);
                    if self.moves.compare_exchange(moves, next, now, other).is_ok() {
                        return Permit { limiter: self, _permit: None };
                    }
                }
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limiter.moves.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: Duration = Duration::from_secs(1);

    #[test]
    fn a_key_has_one_limiter_while_it_is_used() {
        let limits = KeyLimits::default();
        let limiter = limits.of("k");
        assert!(Arc::ptr_eq(&limiter, &limits.of("k")));
        assert!(!Arc::ptr_eq(&limiter, &limits.of("other")));
    }

    #[test]
    fn unused_limits_are_swept() {
        let limits = KeyLimits::default();
        let used = limits.of("used");
        for key in 0..1_000 {
            drop(limits.of(&key.to_string()));
        }
        assert!(limits.0.lock().unwrap().capacity() < 100);
        assert!(Arc::ptr_eq(&used, &limits.of("used")), "it is not swept along");
    }

    #[tokio::test(start_paused = true)]
    async fn sixteen_are_permitted_at_a_time() {
        let limiter = Limiter::new(MOST_AT_A_TIME);
        let mut inside = Vec::new();
        for _ in 0..MOST_AT_A_TIME {
            inside.push(limiter.permit(STUCK).await);
        }
        assert!(matches!(
            race(pin!(limiter.permit(STUCK)), pin!(sleep(STUCK / 2))).await,
            First::B(())
        ));
        inside.pop();
        assert!(matches!(
            race(pin!(limiter.permit(STUCK)), pin!(sleep(STUCK / 2))).await,
            First::A(_)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_that_is_stuck_lets_one_through_at_a_time() {
        let limiter = Arc::new(Limiter::new(MOST_AT_A_TIME));
        let mut stuck = Vec::new();
        for _ in 0..MOST_AT_A_TIME {
            stuck.push(limiter.permit(STUCK).await);
        }
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    std::mem::forget(limiter.permit(STUCK).await);
                })
            })
            .collect();
        let ended = || waiting.iter().filter(|task| task.is_finished()).count();
        for expected in 1..=5 {
            sleep(STUCK + STUCK / 10).await;
            assert!(ended() <= expected, "{} of {expected}", ended());
        }
        sleep(STUCK * 5).await;
        assert_eq!(ended(), 5, "all of them in the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_where_somebody_has_come_out_is_not_stuck() {
        let limiter = Arc::new(Limiter::new(1));
        let first = limiter.permit(STUCK).await;
        let inside = Arc::new(AtomicU64::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (limiter, inside) = (Arc::clone(&limiter), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _permit = limiter.permit(STUCK).await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "both at a time");
                    sleep(STUCK * 3 / 4).await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        sleep(STUCK * 3 / 4).await;
        drop(first);
        for task in waiting {
            task.await.unwrap();
        }
    }
}
