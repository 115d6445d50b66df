//! Callers of one process are alike: states that differ only in which of them does what are one.

use stateright::Representative;

use crate::state::{CALLERS, CallerId, Callers, State, bit};

impl Representative for State {
    fn representative(&self) -> Self {
        let mut state = *self;
        // Sorted after three.
        for pair in [[0, 1], [1, 3], [0, 1]] {
            if state.callers[pair[0]] > state.callers[pair[1]] {
                state.swap(pair);
            }
        }
        state
    }
}

impl State {
    fn swap(&mut self, pair: [CallerId; 2]) {
        let [one, other] = pair;
        let swapped = |caller: CallerId| match caller {
            it if it == one => other,
            it if it == other => one,
            it => it,
        };
        let swap_all = |callers: Callers| {
            (0..CALLERS)
                .filter(|caller| callers & bit(*caller) != 0)
                .fold(0, |all, caller| all | bit(swapped(caller)))
        };
        self.callers.swap(one, other);
        for flight in self.flights.iter_mut().flatten() {
            flight.holder = flight.holder.map(swapped);
            flight.before = swap_all(flight.before);
        }
        for process in &mut self.processes {
            if let Some(reading) = &mut process.reading {
                reading.holder = swapped(reading.holder);
                reading.before = swap_all(reading.before);
            }
        }
    }
}
