//! Subjects that take turns: short batches, many rounds, and ratios within a round.

use crate::driver::{Start, Worker};
use crate::protocol::HitFigures;
use crate::runtime::Runtime;
use crate::statistics::{Spread, median};
use crate::subject::Kind;

/// A subject and the figures of each of its rounds.
#[derive(Clone)]
pub(super) struct Turn<R = HitFigures> {
    pub(super) kind: Kind,
    pub(super) title: String,
    pub(super) rounds: Vec<R>,
    start: Start,
}

impl<R> Turn<R> {
    pub(super) fn new(start: Start) -> Self {
        let title = start.kind.title().to_owned();
        Self { kind: start.kind, title, rounds: Vec::new(), start }
    }

    /// The floor once more. Its ratio to the floor would be 1 if the machine made no noise.
    pub(super) fn noise(start: Start) -> Self {
        Self::new(start).titled("the floor again (noise)")
    }

    /// The same subject by another name.
    pub(super) fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }

    /// The runtime of this subject.
    pub(super) fn runtime(&self) -> Runtime {
        self.start.runtime
    }

    /// The note of the line of this subject.
    pub(super) fn note(&self) -> &'static str {
        if self.title == self.kind.title() { self.kind.note() } else { "" }
    }

    /// One figure of every round.
    pub(super) fn all(&self, figure: impl Fn(&R) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    /// The median of a figure over the rounds.
    pub(super) fn median(&self, figure: impl Fn(&R) -> f64) -> f64 {
        median(&self.all(figure))
    }

    /// The ratio of a figure to the floor's in the same round.
    pub(super) fn ratio(&self, floor: &Self, figure: impl Fn(&R) -> f64) -> Spread {
        Spread::of_pairs(&self.all(&figure), &floor.all(&figure))
    }
}

impl<R: AsRef<HitFigures>> Turn<R> {
    /// The note of a line of hits, which says how many calls were no hits if there were any.
    pub(super) fn note_of_hits(&self) -> String {
        let loads: u64 = self.rounds.iter().map(|round| round.as_ref().loads).sum();
        match loads {
            0 => self.note().to_owned(),
            _ => format!("{loads} loads or failures where hits were measured"),
        }
    }
}

/// How often every subject takes its turn.
#[derive(Clone, Copy)]
pub(super) struct Often {
    /// How often the processes are started anew. Each process has its memory laid out differently, which makes two
    /// processes of one program differ by up to half for as long as they live.
    pub(super) generations: usize,
    /// How many rounds the same processes take part in; each round begins with another subject.
    pub(super) rounds: usize,
}

/// Has every subject run batches in turns, as `often` says.
pub(super) fn take_turns<R>(
    turns: &mut [Turn<R>],
    often: Often,
    prepare: impl Fn(&mut Worker),
    batch: impl Fn(&mut Worker, Kind) -> R,
) {
    for _ in 0..often.generations {
        let mut workers: Vec<_> = turns
            .iter()
            .map(|turn| {
                let mut worker = turn.start.spawn();
                prepare(&mut worker);
                worker
            })
            .collect();
        for round in 0..often.rounds {
            for place in 0..turns.len() {
                let turn = (place + round) % turns.len();
                let figures = batch(&mut workers[turn], turns[turn].kind);
                turns[turn].rounds.push(figures);
            }
        }
    }
}
