//! How long a call waits for its store in all, whatever it asks of it.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Call, Engine};
use crate::time::in_time;

/// What a call has waited for its store so far, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Spent(AtomicU64);

impl Spent {
    pub(super) fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, more: Duration) {
        self.set(self.get().saturating_add(more));
    }

    pub(super) fn add_since(&self, asked: Option<Instant>) {
        if let Some(asked) = asked {
            self.add(asked.elapsed());
        }
    }

    pub(super) fn set(&self, spent: Duration) {
        let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Engine {
    /// How long `call` may still wait for its store.
    pub(super) fn left(&self, call: &Call<'_>) -> Duration {
        self.store().traits().call_budget.saturating_sub(call.spent.get())
    }

    /// Waits for an `operation` of the store, no longer than `call` may still wait for it. Dropped
    /// then, it may take effect all the same.
    pub(super) async fn in_time<T>(
        &self,
        call: &Call<'_>,
        operation: impl Future<Output = T>,
    ) -> Option<T> {
        let asked = Instant::now();
        let result = in_time(self.left(call), pin!(operation)).await;
        call.spent.add(asked.elapsed());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_adds_up_until_it_is_set() {
        let spent = Spent::default();
        assert_eq!(spent.get(), Duration::ZERO);
        spent.add(Duration::from_millis(20));
        spent.add(Duration::from_millis(30));
        assert_eq!(spent.get(), Duration::from_millis(50));
        spent.set(Duration::from_millis(1));
        assert_eq!(spent.get(), Duration::from_millis(1));
    }
}
