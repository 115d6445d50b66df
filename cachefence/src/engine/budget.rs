//! The store budget: how long a call waits for its store, over all of its operations together.
//!
//! A call may read, acquire a lease, read again and store. Each operation has a time limit of its own,
//! but a call that met this limit in every operation would be delayed several times over. So the call
//! adds up the time that it has waited, and no operation may take longer than what is left of the
//! store's `call_budget`. Waiting for another caller's load is not waiting for the store, and does not
//! count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time that a call has waited for its store so far.
///
/// A hit waits for one read, and nothing asks for the sum. So the first read only notes when it was
/// sent, and a call that this read does not serve [settles](Self::settle) the time before it goes on.
#[derive(Debug, Default)]
pub(super) struct StoreBudget {
    spent_micros: AtomicU64,
    /// When the read was sent whose time is not in the sum yet.
    unsettled: Option<Instant>,
}

impl StoreBudget {
    pub(super) fn spent(&self) -> Duration {
        Duration::from_micros(self.spent_micros.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, more: Duration) {
        self.set(self.spent().saturating_add(more));
    }

    pub(super) fn add_since(&self, sent: Instant) {
        self.add(sent.elapsed());
    }

    /// Sets the sum back to `spent`, because the call has waited for something other than the store
    /// since that was the sum.
    pub(super) fn set(&self, spent: Duration) {
        let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.spent_micros.store(micros, Ordering::Relaxed);
    }

    /// Notes when the read that has just ended was `sent`, and leaves its time out of the sum.
    pub(super) fn leave_unsettled(&mut self, sent: Instant) {
        self.unsettled = Some(sent);
    }

    /// Adds the time of a read that was left unsettled.
    pub(super) fn settle(&mut self) {
        if let Some(sent) = self.unsettled.take() {
            self.add_since(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_adds_up_until_it_is_set() {
        let budget = StoreBudget::default();
        assert_eq!(budget.spent(), Duration::ZERO);
        budget.add(Duration::from_millis(20));
        budget.add(Duration::from_millis(30));
        assert_eq!(budget.spent(), Duration::from_millis(50));
        budget.set(Duration::from_millis(1));
        assert_eq!(budget.spent(), Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_counts_when_it_is_settled_and_once() {
        let mut budget = StoreBudget::default();
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(5)).await;
        budget.leave_unsettled(sent);
        assert_eq!(budget.spent(), Duration::ZERO);
        budget.settle();
        budget.settle();
        assert_eq!(budget.spent(), Duration::from_millis(5));
    }
}
