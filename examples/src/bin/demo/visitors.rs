//! The load: visitors who ask for the same report again and again, the same ones on both sides. Each waits for its answer,
//! and then for a moment, so the load is bounded in number and in rate.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::Method;
use cachefence_examples::database::Revenue;
use cachefence_examples::{BoxError, lock};

use crate::board::{Answer, Board, PerSide, Side};
use crate::client::Client;
use crate::fleet::WORKERS;

/// How many visitors each side has.
pub(crate) const VISITORS: usize = 100;

/// How long a visitor rests after an answer: at least, and how much longer at most.
const REST: Duration = Duration::from_millis(200);
const LONGER: Duration = Duration::from_millis(200);

/// How long a visitor waits for an answer before it gives up.
const TIMEOUT: Duration = Duration::from_secs(20);

/// From when on a visitor counts as waiting: hits are answered sooner.
const WAITS: Duration = Duration::from_millis(25);

/// Where each visitor is; a handle.
#[derive(Clone)]
pub(crate) struct Visitors(Arc<PerSide<Vec<Mutex<Visit>>>>);

#[derive(Clone, Copy, Default)]
struct Visit {
    /// Since when the visitor has waited, and for which worker.
    request: Option<(Instant, usize)>,
    failed: bool,
}

impl Visitors {
    pub(crate) fn new() -> Self {
        let visits = || (0..VISITORS).map(|_| Mutex::default()).collect();
        Self(Arc::new(PerSide { naive: visits(), fenced: visits() }))
    }

    /// Sends them off.
    pub(crate) fn start(&self, board: &Arc<Board>, client: &Client) {
        for visitor in 0..VISITORS {
            for side in Side::BOTH {
                let visits = self.clone();
                let (board, client) = (Arc::clone(board), client.clone());
                tokio::spawn(async move { visits.visit(visitor, side, &board, &client).await });
            }
        }
    }

    async fn visit(&self, visitor: usize, side: Side, board: &Board, client: &Client) {
        for round in 0_u64.. {
            tokio::time::sleep(rest(visitor, round)).await;
            // A balancer in front of the workers would do the same.
            let turn = visitor + usize::try_from(round).unwrap_or_default();
            let Some((slot, port)) = board.worker(turn) else { continue };
            let newest = board.expected_orders();
            let start = Instant::now();
            self.set(side, visitor, Visit { request: Some((start, slot)), failed: false });
            let asked = tokio::time::timeout(TIMEOUT, ask(client, side, port)).await;
            let answer = match asked {
                Ok(Ok(orders)) if orders < newest => Answer::Old,
                Ok(Ok(_)) => Answer::Right,
                Ok(Err(_)) | Err(_) => Answer::Error,
            };
            board.answered(side, start.elapsed(), answer);
            self.set(side, visitor, Visit { request: None, failed: answer == Answer::Error });
        }
    }

    fn set(&self, side: Side, visitor: usize, visit: Visit) {
        *lock(&self.0.of(side)[visitor]) = visit;
    }

    /// One letter for each visitor of a side: `.` has its answer, `w` waits, `x` was given an error.
    pub(crate) fn letters(&self, side: Side) -> String {
        let now = Instant::now();
        let letter = |visit: &Mutex<Visit>| match *lock(visit) {
            visit if visit.waits(now).is_some() => 'w',
            Visit { failed: true, .. } => 'x',
            _ => '.',
        };
        self.0.of(side).iter().map(letter).collect()
    }

    /// How long each of those visitors of a side that wait has waited.
    pub(crate) fn waits(&self, side: Side) -> Vec<Duration> {
        let now = Instant::now();
        let wait = |visit: &Mutex<Visit>| lock(visit).waits(now).map(|(time, _)| time);
        self.0.of(side).iter().filter_map(wait).collect()
    }

    /// How many visitors of a side wait for each worker.
    pub(crate) fn waiting(&self, side: Side) -> [usize; WORKERS] {
        let now = Instant::now();
        let mut waiting = [0; WORKERS];
        for (_, slot) in self.0.of(side).iter().filter_map(|visit| lock(visit).waits(now)) {
            waiting[slot] += 1;
        }
        waiting
    }
}

impl Visit {
    /// How long the visitor has waited, and for which worker.
    fn waits(self, now: Instant) -> Option<(Duration, usize)> {
        let (since, slot) = self.request?;
        let time = now.duration_since(since);
        (time >= WAITS).then_some((time, slot))
    }
}

/// Returns how many orders the answer tells of.
async fn ask(client: &Client, side: Side, port: u16) -> Result<u64, BoxError> {
    let (status, body) = client.ask(Method::GET, port, side.name()).await?;
    if !status.is_success() {
        return Err(status.to_string().into());
    }
    let months: Vec<Revenue> = serde_json::from_slice(&body)?;
    Ok(months.iter().map(|month| month.orders).sum())
}

/// How long a visitor rests before this round: the same on both sides.
fn rest(visitor: usize, round: u64) -> Duration {
    // Steps of the golden ratio spread over the range, and repeat late.
    #[allow(clippy::cast_precision_loss)]
    let step = (visitor as f64 * 0.381_966 + round as f64 * 0.618_034).fract();
    REST + LONGER.mul_f64(step)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LONGER, REST, Visit, Visitors, WAITS, rest};
    use crate::board::Side;

    #[test]
    fn rests_are_within_bounds_and_spread() {
        let rests: Vec<Duration> = (0..100).map(|visitor| rest(visitor, 3)).collect();
        assert!(rests.iter().all(|rest| (REST..=REST + LONGER).contains(rest)));
        let early = rests.iter().filter(|rest| **rest < REST + LONGER / 2).count();
        assert!((45..=55).contains(&early), "{early} of 100 in the first half");
    }

    #[test]
    fn a_visitor_waits_from_a_while_after_it_asked() {
        let now = Instant::now();
        let visit = Visit { request: Some((now, 1)), failed: false };
        assert_eq!(visit.waits(now), None);
        assert_eq!(visit.waits(now + WAITS), Some((WAITS, 1)));
        assert_eq!(Visit::default().waits(now), None);
    }

    #[test]
    fn each_visitor_has_a_letter() {
        let visitors = Visitors::new();
        let long_ago = Instant::now().checked_sub(WAITS).expect("the clock has run for a while");
        visitors.set(Side::Naive, 0, Visit { request: Some((long_ago, 1)), failed: false });
        visitors.set(Side::Naive, 2, Visit { request: None, failed: true });
        assert_eq!(&visitors.letters(Side::Naive)[..4], "w.x.");
        assert_eq!(visitors.letters(Side::Fenced), ".".repeat(100));
        assert_eq!(visitors.waiting(Side::Naive), [0, 1]);
        assert!(matches!(visitors.waits(Side::Naive)[..], [time] if time >= WAITS));
    }
}
