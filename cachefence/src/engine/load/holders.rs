//! Who holds the lease of a key, as this process has been told, and since when.
//!
//! A holder that does not end its load may hang. A process that has known the same holder for
//! `wait_for_lock` asks for the hedge, a second lease beside the first ([`lead`](super::lead)). It may have
//! learned of the holder from several calls, each of which served a stale value and went away, so the process
//! remembers.
//!
//! A caller that waits also wants to know how a load ended that stored nothing. [`Told`] tells a lease that
//! ended before its time, because its load failed, from one that lapsed, because its holder died.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Held, Holder, Token};
use crate::sync::lock;

/// For how long the process remembers a holder of which nothing was heard.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How much longer a lease lasts at least that was renewed: less is the difference between two round trips.
const RENEWED: Duration = Duration::from_millis(10);

/// The holders of all keys that this process was told of lately.
#[derive(Default)]
pub(in crate::engine) struct Holders(Mutex<HashMap<Box<str>, Known>>);

struct Known {
    slots: [Option<(Token, Instant)>; 2],
    told: Instant,
}

impl Holders {
    /// Notes who holds the slots of `key`. Returns since when the process has known one of them.
    pub(super) fn note(&self, key: &str, held: &Held) -> Instant {
        let now = Instant::now();
        let mut holders = lock(&self.0);
        if holders.len() == holders.capacity() {
            holders.retain(|_, known| now.duration_since(known.told) < REMEMBERED);
        }
        let before = holders.get(key).map(|known| known.slots).unwrap_or_default();
        let since = |holder: Holder| {
            let known = before.iter().flatten().find(|(token, _)| *token == holder.token);
            (holder.token, known.map_or(now, |(_, since)| *since))
        };
        let slots = [held.lease.map(since), held.hedge.map(since)];
        holders.insert(key.into(), Known { slots, told: now });
        slots.iter().flatten().map(|(_, since)| *since).min().unwrap_or(now)
    }

    /// Forgets the holders of `key`, because this process holds its lease.
    pub(super) fn forget(&self, key: &str) {
        let mut holders = lock(&self.0);
        if !holders.is_empty() {
            holders.remove(key);
        }
    }
}

/// The holders that one caller was told of last, each with the moment at which its time is over unless it
/// renews its lease.
#[derive(Default)]
pub(super) struct Told([Option<(Token, Instant)>; 2]);

impl Told {
    /// Whether one of the holders is not among those who hold the slots now, though its time was not over when
    /// that was `asked`.
    pub(super) fn ended_early(&self, held: &Held, asked: Instant) -> bool {
        let now = [held.lease, held.hedge];
        self.0.iter().flatten().any(|(token, until)| {
            let is_there = now.iter().flatten().any(|holder| holder.token == *token);
            !is_there && asked < *until
        })
    }

    /// Notes who holds the slots, as a request learned that was sent at `asked`. Returns whether that is news: there is
    /// another holder, or one has renewed its lease.
    pub(super) fn note(&mut self, held: &Held, asked: Instant) -> bool {
        let mut is_news = false;
        let before = self.0;
        self.0 = [held.lease, held.hedge].map(|holder| {
            let holder = holder?;
            let until = asked.checked_add(holder.remaining)?;
            let known = before.iter().flatten().find(|(token, _)| *token == holder.token);
            is_news |= known.is_none_or(|(_, known)| until > *known + RENEWED);
            // A slow request makes a lease look shorter than it is.
            Some((holder.token, known.map_or(until, |(_, known)| until.max(*known))))
        });
        is_news
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::chance::Chance;

    const SECOND: Duration = Duration::from_secs(1);

    fn holder() -> Holder {
        Holder::new(Token::random(&Chance::default()), 2 * SECOND)
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_is_known_since_it_was_first_told_of() {
        let holders = Holders::default();
        let (first, second) = (holder(), holder());
        let begun = Instant::now();
        assert_eq!(holders.note("k", &Held::new(Some(first), None)), begun);
        advance(SECOND).await;
        assert_eq!(holders.note("k", &Held::new(Some(first), Some(second))), begun);
        assert_eq!(holders.note("k", &Held::new(None, Some(second))), begun + SECOND);
        holders.forget("k");
        advance(SECOND).await;
        assert_eq!(holders.note("k", &Held::new(None, Some(second))), begun + 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn holders_of_which_nothing_is_heard_are_forgotten() {
        let holders = Holders::default();
        for key in 0..1_000 {
            holders.note(&key.to_string(), &Held::new(Some(holder()), None));
            advance(REMEMBERED).await;
        }
        assert!(lock(&holders.0).capacity() < 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_gone_before_its_time_has_ended_early() {
        let (first, second) = (holder(), holder());
        let mut told = Told::default();
        let one = Held::new(Some(first), None);
        let other = Held::new(Some(second), None);
        assert!(!told.ended_early(&one, Instant::now()));
        told.note(&one, Instant::now());
        assert!(!told.ended_early(&one, Instant::now()));
        assert!(!told.ended_early(&Held::new(Some(first), Some(second)), Instant::now()));
        assert!(told.ended_early(&other, Instant::now()));
        assert!(told.ended_early(&Held::default(), Instant::now()));
        advance(2 * SECOND).await;
        assert!(!told.ended_early(&other, Instant::now()), "it has lapsed");
    }

    #[tokio::test(start_paused = true)]
    async fn another_holder_and_a_renewed_lease_are_news_and_a_slow_request_is_none() {
        let (first, second) = (holder(), holder());
        let mut told = Told::default();
        let one = Held::new(Some(first), None);
        let begun = Instant::now();
        assert!(told.note(&one, begun));
        assert!(!told.note(&one, begun));
        let earlier = Holder::new(first.token, first.remaining.saturating_sub(SECOND));
        assert!(!told.note(&Held::new(Some(earlier), None), begun), "as after a slow request");
        assert!(!told.note(&one, begun), "and after a quick one");
        assert!(told.note(&one, begun + SECOND), "it is renewed");
        assert!(told.note(&Held::new(Some(first), Some(second)), begun + SECOND));
        assert!(told.note(&Held::new(Some(second), None), begun + 2 * SECOND));
    }
}
