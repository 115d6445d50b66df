//! Features: what a server may refuse, and when that is tried again.
//!
//! A host may not run scripts, and a rule for a user may forbid a command by mistake. The store goes on without
//! what was refused. Because a refusal may be mended while the program runs, one caller a minute tries again, and
//! all others go on without meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// How long after a refusal, or after the last try, one caller tries again.
const PAUSE: Duration = Duration::from_secs(60);

/// A feature of one server.
pub(super) struct Feature {
    refused: AtomicBool,
    /// When a caller tries again; of no meaning while nothing is refused.
    next_try: Mutex<Instant>,
}

impl Feature {
    /// A feature that has not been refused.
    pub(super) fn new() -> Self {
        Self { refused: AtomicBool::new(false), next_try: Mutex::new(Instant::now()) }
    }

    /// Whether the feature was refused last.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether [`claim`](Self::claim) would allow the next caller to use the feature.
    pub(super) fn is_open(&self) -> bool {
        !self.is_refused() || Instant::now() >= *lock(&self.next_try)
    }

    /// Whether the caller is to use the feature: if the feature was refused, one caller a minute is, whatever becomes
    /// of that caller.
    pub(super) fn claim(&self) -> bool {
        if !self.is_refused() {
            return true;
        }
        let (mut next_try, now) = (lock(&self.next_try), Instant::now());
        let is_due = now >= *next_try;
        if is_due {
            *next_try = now + PAUSE;
        }
        is_due
    }

    /// Notes that the feature was refused. `true` if that is news.
    pub(super) fn note_refused(&self) -> bool {
        *lock(&self.next_try) = Instant::now() + PAUSE;
        !self.refused.swap(true, Ordering::Relaxed)
    }

    /// Notes that the feature was used. `true` if that is news, because it had been refused.
    pub(super) fn note_works(&self) -> bool {
        self.is_refused() && self.refused.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_never_refused_is_for_everybody() {
        let feature = Feature::new();
        assert!(!feature.is_refused() && feature.is_open());
        assert!(feature.claim() && feature.claim());
        assert!(!feature.note_works(), "no news");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_tried_once_a_minute_by_one_caller() {
        let feature = Feature::new();
        assert!(feature.note_refused(), "news");
        for _ in 0..3 {
            advance(PAUSE.checked_sub(MOMENT).unwrap()).await;
            assert!(!feature.is_open() && !feature.claim());
            advance(MOMENT).await;
            assert!(feature.is_open() && feature.claim());
            assert!(!feature.is_open() && !feature.claim(), "one caller");
            assert!(feature.is_refused(), "until it works");
        }
        assert!(!feature.note_refused(), "no news");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_comes_late_begins_the_minute_anew() {
        let feature = Feature::new();
        feature.note_refused();
        advance(PAUSE).await;
        assert!(feature.claim());
        advance(PAUSE / 2).await;
        feature.note_refused();
        advance(PAUSE / 2).await;
        assert!(!feature.claim());
        advance(PAUSE / 2).await;
        assert!(feature.claim());
    }

    #[tokio::test(start_paused = true)]
    async fn what_works_again_is_for_everybody() {
        let feature = Feature::new();
        feature.note_refused();
        advance(PAUSE).await;
        assert!(feature.claim() && feature.note_works(), "news");
        assert!(!feature.note_works(), "no news");
        assert!(!feature.is_refused() && feature.claim() && feature.claim());
        assert!(feature.note_refused(), "news again");
    }
}
