//! How long a call waits for its store in all, whatever it asks of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What a call has waited for its store so far.
///
/// A hit waits for one read and has no use for the sum. So the first read only notes when it was sent,
/// and a call that is not served by it [settles](Self::settle) that before it goes on.
#[derive(Debug, Default)]
pub(super) struct StoreBudget {
    spent_micros: AtomicU64,
    /// When a read was sent whose time is not in the sum yet.
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

    /// Takes `spent` as the sum: what was waited for since was not the store.
    pub(super) fn set(&self, spent: Duration) {
        let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.spent_micros.store(micros, Ordering::Relaxed);
    }

    /// Notes that a read which has just ended was `sent` then.
    pub(super) fn leave_unsettled(&mut self, sent: Instant) {
        self.unsettled = Some(sent);
    }

    /// Adds what was left unsettled.
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
