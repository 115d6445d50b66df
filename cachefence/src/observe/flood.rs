//! Limits how often the same trouble is reported.
//!
//! A store that is full refuses every cold load, and a line in the log for each would hide all others.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// The least time between two reports of the same trouble.
const PAUSE: Duration = Duration::from_secs(10);

/// How many kinds of trouble are remembered. The bound is needed because a custom store may give another message each
/// time.
const MOST_KINDS: usize = 64;

/// The troubles that have been reported.
#[derive(Debug, Default)]
pub(super) struct Flood(Mutex<Vec<Said>>);

/// One kind of trouble: a name, and what it concerns: a message or a template. Messages name their server, so the
/// troubles of two servers are two kinds.
#[derive(Debug)]
struct Said {
    name: &'static str,
    subject: String,
    last: Instant,
    /// How often the trouble has occurred since it was reported.
    left_out: u64,
}

impl Flood {
    /// A limit for troubles of which none has been reported yet.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Whether to report the trouble of this `name` that concerns `subject` now. If so, gives how often it has
    /// occurred since it was reported last.
    pub(super) fn admits(&self, name: &'static str, subject: &str) -> Option<u64> {
        let now = Instant::now();
        let mut troubles = lock(&self.0);
        let known =
            troubles.iter_mut().find(|trouble| trouble.name == name && trouble.subject == subject);
        if let Some(trouble) = known {
            if now.saturating_duration_since(trouble.last) < PAUSE {
                trouble.left_out += 1;
                return None;
            }
            trouble.last = now;
            return Some(std::mem::take(&mut trouble.left_out) + 1);
        }
        if troubles.len() == MOST_KINDS {
            let oldest = (0..MOST_KINDS).min_by_key(|index| troubles[*index].last);
            if let Some(oldest) = oldest {
                troubles.swap_remove(oldest);
            }
        }
        troubles.push(Said { name, subject: subject.to_owned(), last: now, left_out: 0 });
        Some(1)
    }
}

impl Flood {
    /// Forgets the troubles of this `name`, because they are over: the next one is reported at once.
    #[cfg(feature = "redis")]
    pub(super) fn forget(&self, name: &'static str) {
        lock(&self.0).retain(|trouble| trouble.name != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_said_once_in_a_while_with_how_often_it_occurred() {
        let flood = Flood::new();
        for count in [1, 100, 100] {
            assert_eq!(flood.admits("acquire", "OOM"), Some(count));
            for _ in 0..99 {
                assert_eq!(flood.admits("acquire", "OOM"), None);
            }
            advance(PAUSE).await;
        }
    }

    #[test]
    fn another_trouble_is_said_at_once() {
        let flood = Flood::new();
        for (name, subject) in [("acquire", "OOM"), ("acquire", "READONLY"), ("read", "OOM")] {
            assert_eq!(flood.admits(name, subject), Some(1));
            assert_eq!(flood.admits(name, subject), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_forgotten_when_there_are_too_many() {
        let flood = Flood::new();
        for kind in 0..=MOST_KINDS {
            assert_eq!(flood.admits("read", &kind.to_string()), Some(1));
            advance(Duration::from_millis(1)).await;
        }
        assert_eq!(flood.admits("read", "1"), None);
        assert_eq!(flood.admits("read", "0"), Some(1));
    }
}
