//! Subjects in turns: short batches, many rounds, and ratios within a round.

use crate::driver::{Start, Worker};
use crate::protocol::HitFigures;
use crate::statistics::{Spread, median};
use crate::subject::Kind;

/// A subject and what each of its rounds came to.
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

    /// The floor once more: how far its ratio is from 1 is what the machine adds.
    pub(super) fn noise(start: Start) -> Self {
        Self { title: "the floor again (noise)".to_owned(), ..Self::new(start) }
    }

    /// What a reader has to know of this line.
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

    /// A figure against the floor's of the same round.
    pub(super) fn ratio(&self, floor: &Self, figure: impl Fn(&R) -> f64) -> Spread {
        Spread::of_pairs(&self.all(&figure), &floor.all(&figure))
    }
}

impl Turn {
    /// What a reader has to know of a line of hits: also if some of them were none.
    pub(super) fn note_of_hits(&self) -> String {
        let loads: u64 = self.rounds.iter().map(|figures| figures.loads).sum();
        match loads {
            0 => self.note().to_owned(),
            _ => format!("{loads} loads or failures where hits were measured"),
        }
    }
}

/// How often.
#[derive(Clone, Copy)]
pub(super) struct Often {
    /// With new processes each time: in each, memory is laid out by new luck, and the same program beside itself
    /// differs by up to half for as long as it lives.
    pub(super) generations: usize,
    /// Rounds with the same processes; each begins with another subject.
    pub(super) rounds: usize,
}

/// Has every subject take its turn, so often.
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
