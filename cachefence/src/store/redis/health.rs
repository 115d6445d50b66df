//! The health of a server, as events and the status tell it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::lane::LaneKind;
use super::link::Link;
use super::server::{Server, TRIPS};
use crate::error::StoreError;
use crate::store::{Health, Status, Timestamp};

impl Server {
    /// Notes that a write was taken.
    pub(super) fn wrote(&self) {
        // The flag is looked at first, so that most writes write nothing that other cores read.
        if !self.writes.load(Ordering::Relaxed) && !self.writes.swap(true, Ordering::Relaxed) {
            self.restored("takes writes again");
        }
    }

    /// Notes that a write was not taken, for this `reason`.
    pub(super) fn without_writes(&self, reason: &str) {
        if self.writes.swap(false, Ordering::Relaxed) {
            self.observers.store_degraded(&format!("{reason}: values are served and not stored"));
        }
    }

    /// Notes that the server, a node of a cluster, could not be reached when it was checked: it is degraded until it
    /// takes a write.
    pub(super) fn note_unreachable(&self, error: &StoreError) {
        self.writes.store(false, Ordering::Relaxed);
        self.degraded(&format!(
            "cannot be used now, so the keys of its slots are loaded each time: {error}"
        ));
    }

    pub(super) fn status(&self) -> Status {
        let reads = self.links.open_breakers(LaneKind::Reads);
        let writes_open = self.links.open_breakers(LaneKind::Writes);
        let writes = self.writes.load(Ordering::Relaxed) && !writes_open.any;
        let scripts = !self.scripts.is_refused();
        let pushes = scripts && !self.pushes.is_refused();
        let near = !self.far.load(Ordering::Relaxed);
        let health = if reads.all {
            Health::Down
        } else if reads.any || !(scripts && pushes && writes && near) {
            Health::Degraded
        } else {
            Health::Up
        };
        Status { health, scripts, pushes, writes, near }
    }

    /// Whether no runtime reads from the server, because it has failed too often.
    pub(super) fn is_left_alone(&self) -> bool {
        self.links.open_breakers(LaneKind::Reads).all
    }

    /// Notes that the server holds keys, as a node of a cluster.
    pub(super) fn note_slots(&self) {
        self.has_slots.store(true, Ordering::Relaxed);
    }

    /// Notes that the server holds no keys any more, because its slots have moved. If it was down, its outage is over:
    /// others serve its keys.
    pub(super) fn note_no_slots(&self) {
        // Set first, because an operation under way may still fail, and would open an outage whose end nobody tells.
        self.has_slots.store(false, Ordering::Relaxed);
        if let Some(outage) = self.links.probes(LaneKind::Reads).give_up() {
            self.observers.store_up(&self.name(), outage, true);
        }
    }

    /// Whether a caller that waits may ask to be woken. This takes scripts too, because the server tells of changes
    /// only of what a script has read.
    pub(super) fn may_push(&self) -> bool {
        !self.scripts.is_refused() && self.pushes.is_open()
    }

    pub(super) fn without_pushes(&self) {
        if self.pushes.note_refused() {
            self.degraded(
                "does not tell what has changed (CLIENT TRACKING, CLIENT CACHING), so callers that wait ask again",
            );
        }
    }

    /// Notes that a caller that waits is told of changes.
    pub(super) fn pushed(&self) {
        if self.pushes.note_works() {
            self.restored("tells again what has changed");
        }
    }

    pub(super) fn without_scripts(&self) {
        if self.scripts.note_refused() {
            self.degraded(
                "does not run scripts (EVALSHA), so each step of a load takes more round trips",
            );
        }
    }

    /// The longest round trip that leaves time for the operations of a call. A load has three, some of which take
    /// two round trips.
    pub(super) fn longest_trip(&self) -> Duration {
        self.op_timeout / TRIPS
    }

    /// Notes that even the quickest of several round trips took too long: `trip`.
    pub(super) fn note_far(&self, trip: Duration) {
        /// The advice is rounded up to a multiple of this, in milliseconds.
        const STEP: u128 = 10;
        self.far.store(true, Ordering::Relaxed);
        let (op_timeout, enough) = (self.op_timeout, trip.saturating_mul(TRIPS).as_millis());
        let enough = enough.div_ceil(STEP) * STEP;
        self.degraded(&format!(
            "took {trip:.1?} for a round trip, and a call waits for {op_timeout:?} (`op_timeout`) at most for all of \
             its own; a load takes several, so values may come too late to be served or stored: set `op_timeout` to \
             {enough} ms or more"
        ));
    }

    /// Takes in the time of the server of `link`, which was asked for at `sent` and is answered just now.
    pub(super) fn learn(&self, link: &Link, sent: Instant, time: (u64, u64)) -> Timestamp {
        if self.far.load(Ordering::Relaxed)
            && sent.elapsed() <= self.longest_trip()
            && self.far.swap(false, Ordering::Relaxed)
        {
            self.restored("answers soon enough for `op_timeout`");
        }
        link.clock.learn(sent, time)
    }

    /// Tells that the server does not do all that it is asked, or will not.
    pub(super) fn degraded(&self, problem: &str) {
        self.observers.store_degraded(&format!("Redis at {} {problem}", self.address()));
    }

    pub(super) fn restored(&self, what: &str) {
        self.observers.store_restored(&format!("Redis at {} {what}", self.address()));
    }
}
