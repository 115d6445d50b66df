//! Limits: how many recomputes run at a time because the store cannot be asked (`max_bypass`).
//!
//! A recompute that hangs, or whose caller is not polled any more, must not keep its permit from others for
//! ever. So a permit counts for a limited time, which those who wait for one measure. And a caller that has
//! waited for as long, while no permit came back, goes ahead: all that were before it hang.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::race::{First, race};
use crate::sync::lock;
use crate::time::sleep_until;

/// Gives out a limited number of permits at a time, in the order in which they are asked for.
pub(in crate::engine) struct Limiter {
    most: usize,
    free: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The permits that count, by number, each with the moment until which it does. `None` is for ever.
    held: HashMap<u64, Option<Instant>>,
    last_number: u64,
    /// How many permits have come back before their time was over.
    returned: u64,
}

/// The right to run a recompute.
pub(in crate::engine) struct Permit<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Limiter {
    /// A limiter for `most` at a time; `usize::MAX` is no limit.
    pub(in crate::engine) fn new(most: usize) -> Self {
        let free = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Self { most, free, state: Mutex::default() }
    }

    /// Waits for a permit, which counts for `longest`; `None` if there is no limit.
    pub(super) async fn permit(&self, longest: Duration) -> Option<Permit<'_>> {
        if self.most == usize::MAX {
            return None;
        }
        let mut free = pin!(self.free.acquire());
        let mut returned = self.state().returned;
        let mut patience = Instant::now().checked_add(longest);
        loop {
            let limit = [self.next_lapse(), patience].into_iter().flatten().min();
            if let First::A(permit) = race(free.as_mut(), pin!(sleep_until(limit))).await {
                // The permit is counted in `held` from here on.
                drop(permit.map(tokio::sync::SemaphorePermit::forget));
                return Some(self.take(longest));
            }
            if self.lapse() {
                continue; // to take one of those, if it is this caller's turn
            }
            if patience.is_some_and(|patience| patience <= Instant::now()) {
                let now = self.state().returned;
                if now == returned {
                    return Some(self.take(longest));
                }
                (returned, patience) = (now, Instant::now().checked_add(longest));
            }
        }
    }

    fn take(&self, longest: Duration) -> Permit<'_> {
        let until = Instant::now().checked_add(longest);
        let mut state = self.state();
        state.last_number += 1;
        let number = state.last_number;
        state.held.insert(number, until);
        Permit { limiter: self, number }
    }

    /// When the next permit ceases to count.
    fn next_lapse(&self) -> Option<Instant> {
        self.state().held.values().copied().flatten().min()
    }

    /// Frees the permits whose time is over. Returns whether there were any.
    fn lapse(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let before = state.held.len();
        state.held.retain(|_, until| until.is_none_or(|until| until > now));
        let lapsed = before - state.held.len();
        let room = self.room(&state);
        drop(state);
        self.free.add_permits(lapsed.min(room)); // with the lock released, because it wakes
        lapsed > 0
    }

    /// How many permits may be freed: fewer than came back if some were taken beyond the limit.
    fn room(&self, state: &State) -> usize {
        self.most.saturating_sub(state.held.len() + self.free.available_permits())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        if state.held.remove(&self.number).is_some() {
            state.returned += 1;
            let room = self.limiter.room(&state);
            drop(state);
            self.limiter.free.add_permits(1.min(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::time::sleep;

    const HANGS: Duration = Duration::from_secs(5);

    /// Whether a permit is to be had within a quarter of the time after which one lapses.
    async fn is_permitted(limiter: &Limiter) -> bool {
        let permit = pin!(limiter.permit(HANGS));
        matches!(race(permit, pin!(sleep(HANGS / 4))).await, First::A(_))
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_are_permitted_as_may_be() {
        let limiter = Limiter::new(2);
        let first = limiter.permit(HANGS).await;
        let second = limiter.permit(HANGS).await;
        assert!(!is_permitted(&limiter).await);
        drop(first);
        assert!(is_permitted(&limiter).await);
        drop(second);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_hang_do_not_count() {
        let limiter = Limiter::new(2);
        let (first, second) = (limiter.permit(HANGS).await, limiter.permit(HANGS).await);
        let asked = Instant::now();
        let third = limiter.permit(HANGS).await;
        assert_eq!(asked.elapsed(), HANGS);
        let fourth = limiter.permit(HANGS).await;
        assert!(!is_permitted(&limiter).await, "two have taken the place of the two");
        drop((first, second));
        assert!(!is_permitted(&limiter).await, "what lapsed does not come back as well");
        drop((third, fourth));
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_wait_behind_those_that_hang_go_ahead_together() {
        let limiter = Arc::new(Limiter::new(2));
        let asked = Instant::now();
        let hanging: Vec<_> = (0..4)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    let _permit = limiter.permit(HANGS).await;
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let _permit = limiter.permit(HANGS).await;
        assert_eq!(asked.elapsed(), HANGS);
        hanging.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test(start_paused = true)]
    async fn where_permits_come_back_the_limit_holds_however_long_the_queue() {
        let limiter = Arc::new(Limiter::new(2));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (limiter, inside, most) =
                    (Arc::clone(&limiter), Arc::clone(&inside), Arc::clone(&most));
                tokio::spawn(async move {
                    let _permit = limiter.permit(HANGS).await;
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_secs(1)).await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        let begun = Instant::now();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((most.load(Ordering::SeqCst), begun.elapsed().as_secs()), (2, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_queue_takes_no_permit_along() {
        let limiter = Limiter::new(1);
        let held = limiter.permit(HANGS).await;
        assert!(!is_permitted(&limiter).await);
        drop(held);
        assert!(is_permitted(&limiter).await);
    }
}
