//! Listens to the cache of the fenced side, and tells which loads begin and end, and which are early.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use cachefence::observe::RequestResult;
use cachefence::{Event, Observe};
use cachefence_examples::lock;
use cachefence_examples::times::milliseconds;

use super::Sender;
use crate::message::Message;

/// A draw and the load that it causes are at most this far apart: the lease is asked for in between, which may take the
/// `op_timeout` of 250 ms.
const TOGETHER: Duration = Duration::from_millis(250);

pub(super) struct Watch {
    sender: Sender,
    refresh: Mutex<Refresh>,
}

/// Puts together the two events of an early refresh: a call is served early, and a load begins.
#[derive(Default)]
struct Refresh {
    drawn: Option<Instant>,
    loading: bool,
    told: bool,
}

impl Watch {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender, refresh: Mutex::default() }
    }

    fn change(&self, change: impl FnOnce(&mut Refresh) -> bool) {
        if change(&mut lock(&self.refresh)) {
            self.sender.send(Message::Early);
        }
    }
}

impl Refresh {
    /// A call was served early. Returns whether that tells of a refresh here, for the first time.
    fn drawn(&mut self, now: Instant) -> bool {
        self.drawn = Some(now);
        self.loading && !std::mem::replace(&mut self.told, true)
    }

    fn load_began(&mut self, now: Instant) -> bool {
        let drawn = self.drawn.is_some_and(|drawn| now.duration_since(drawn) < TOGETHER);
        (self.loading, self.told) = (true, drawn);
        drawn
    }

    fn load_over(&mut self) {
        *self = Self::default();
    }
}

impl Observe for Watch {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::Request { result: RequestResult::Early, .. } => {
                self.change(|refresh| refresh.drawn(Instant::now()));
            }
            Event::LoadBegan { bypass, .. } => {
                let bypass = bypass.map(|reason| reason.to_string());
                let leased = bypass.is_none();
                self.sender.send(Message::LoadBegan { bypass });
                if leased {
                    self.change(|refresh| refresh.load_began(Instant::now()));
                }
            }
            Event::Load { outcome, bypass, took, .. } => {
                if bypass.is_none() {
                    self.change(|refresh| {
                        refresh.load_over();
                        false
                    });
                }
                self.sender.send(Message::LoadOver {
                    outcome: outcome.to_string(),
                    bypass: bypass.map(|reason| reason.to_string()),
                    took_ms: milliseconds(*took),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Refresh;

    #[test]
    fn an_early_refresh_is_told_once_whichever_event_comes_first() {
        let now = Instant::now();
        let mut refresh = Refresh::default();
        assert!(!refresh.drawn(now));
        assert!(refresh.load_began(now));
        assert!(!refresh.drawn(now));
        refresh.load_over();
        assert!(!refresh.load_began(now));
        assert!(refresh.drawn(now));
        assert!(!refresh.drawn(now));
    }

    #[test]
    fn a_load_long_after_a_draw_is_none() {
        // The draw was that of another process's refresh.
        let now = Instant::now();
        let mut refresh = Refresh::default();
        assert!(!refresh.drawn(now));
        assert!(!refresh.load_began(now + Duration::from_secs(1)));
    }
}
