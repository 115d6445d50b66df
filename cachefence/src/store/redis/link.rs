//! Links: the connections to one server.
//!
//! A link is all the connections from one tokio runtime to the server, with the clock of the server at their
//! other end. It belongs to a runtime, because a connection's tasks die with the runtime that they run on,
//! while a cache in a static outlives it. Its connections are made when a call first needs them, and let go
//! when the runtime shuts down:
//!
//! | connection | for | made |
//! |---|---|---|
//! | lane of reads | hits | with the first operation |
//! | lane of writes | leases, stores, invalidations, large values | at the same time |
//! | tracking | waking callers that wait | when a caller first waits |
//! | up to four of the pool | transactions, where scripts are refused | as needed |
//!
//! A link is never repaired. When one of its connections is lost or falls silent, or its server turns out to be
//! a replica, the link is *replaced*: the next call finds another link at its place, which knows nothing of the
//! old one, and the connections of the old one are closed when its last operation has ended.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::batch::{Gathering, ReadBatch};
use super::breaker::{Breaker, Probes};
use super::clock::ServerClock;
use super::dialed::Dialed;
use super::dialer::Dialer;
use super::lane::{Lane, LaneKind};
use super::on_drop::OnDrop;
use super::pool::Pool;
use super::tracking::Tracking;
use crate::error::StoreError;
use crate::sync::lock;
use crate::time::detach;

/// How many connections transactions with a condition may have.
const MOST_WATCHED: usize = 4;

/// How long a link is kept at least that is replaced although its connections work.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The links to one server.
pub(super) struct Links {
    pub(super) dialer: Arc<Dialer>,
    gathering: Gathering,
    /// When the server is probed, for each lane.
    reads: Arc<Probes>,
    writes: Arc<Probes>,
    places: Arc<Mutex<Vec<Place>>>,
}

/// A place that has a link.
struct Place {
    runtime: Id,
    link: Arc<Link>,
    /// When the link was last replaced although its connections worked.
    renewed: Option<Instant>,
    /// Ends the task that watches the runtime, when it is dropped with this place.
    _watched: oneshot::Sender<()>,
    /// The tasks that hear of another primary, which end with this place.
    _switches: JoinSet<()>,
}

/// The connections to use at one place.
pub(super) struct Link {
    gathering: Gathering,
    pub(super) reads: Arc<Lane>,
    pub(super) writes: Arc<Lane>,
    /// The reads over the lane of reads that gather.
    pub(super) batch: Arc<ReadBatch>,
    /// For waiters that are to be woken.
    pub(super) tracking: Arc<Tracking>,
    /// For transactions with a condition.
    pub(super) watched: Arc<Pool<Dialed>>,
    pub(super) clock: ServerClock,
}

/// Which of the runtimes leave the server alone.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) any: bool,
    pub(super) all: bool,
}

impl Link {
    fn new(
        gathering: Gathering,
        dialer: &Arc<Dialer>,
        reads: &Arc<Breaker>,
        writes: &Arc<Breaker>,
    ) -> Arc<Self> {
        let (reads, writes) = (Lane::new(dialer, reads), Lane::new(dialer, writes));
        reads.pair(&writes);
        Arc::new(Self {
            gathering,
            batch: Arc::new(ReadBatch::new(Arc::clone(&reads), gathering)),
            reads,
            writes,
            tracking: Arc::default(),
            watched: Arc::new(Pool::new(MOST_WATCHED)),
            clock: ServerClock::new(),
        })
    }

    /// A link to the same place, whose connections are not made yet.
    fn successor(&self, dialer: &Arc<Dialer>) -> Arc<Self> {
        Self::new(self.gathering, dialer, &self.reads.breaker, &self.writes.breaker)
    }

    pub(super) fn lane(&self, kind: LaneKind) -> &Arc<Lane> {
        match kind {
            LaneKind::Reads => &self.reads,
            LaneKind::Writes => &self.writes,
        }
    }
}

impl Links {
    pub(super) fn new(dialer: Dialer, gathering: Gathering) -> Self {
        let dialer = Arc::new(dialer);
        let [reads, writes]: [Arc<Probes>; 2] = Default::default();
        let places = Arc::default();
        dialer.on_switch({
            let (dialer, places) = (Arc::downgrade(&dialer), Arc::downgrade(&places));
            let probes = [Arc::clone(&reads), Arc::clone(&writes)];
            move || {
                if let (Some(dialer), Some(places)) = (dialer.upgrade(), places.upgrade()) {
                    replace_all(&places, &dialer);
                    for probes in &probes {
                        probes.hurry();
                    }
                }
            }
        });
        Self { dialer, gathering, reads, writes, places }
    }

    /// The link of the current runtime; does no I/O.
    pub(super) fn here(&self) -> Result<Arc<Link>, StoreError> {
        let runtime = Handle::try_current().map_err(|_| {
            StoreError::new("Redis is used outside a tokio runtime; call from inside one")
        })?;
        let id = runtime.id();
        let mut places = self.places();
        if let Some(here) = places.iter().find(|place| place.runtime == id) {
            return Ok(Arc::clone(&here.link));
        }
        let breaker = |probes: &Arc<Probes>| Arc::new(Breaker::new(Arc::clone(probes)));
        let (reads, writes) = (breaker(&self.reads), breaker(&self.writes));
        let link = Link::new(self.gathering, &self.dialer, &reads, &writes);
        let (watched, dropped) = oneshot::channel();
        let place = Place {
            runtime: id,
            link: Arc::clone(&link),
            renewed: None,
            _watched: watched,
            _switches: self.dialer.watch(&runtime),
        };
        places.push(place);
        drop(places);
        let places = Arc::downgrade(&self.places);
        let probes = [Arc::clone(&self.reads), Arc::clone(&self.writes)];
        let leave = OnDrop(move || {
            let Some(places) = places.upgrade() else { return };
            let mut places = lock(&places);
            let index = places.iter().position(|place| place.runtime == id);
            let gone = index.map(|index| places.swap_remove(index));
            for (lane, probes) in [LaneKind::Reads, LaneKind::Writes].into_iter().zip(&probes) {
                if !places.iter().any(|place| place.link.lane(lane).breaker.is_open()) {
                    probes.forget();
                }
            }
            drop(places);
            drop(gone); // with the lock released
        });
        runtime.spawn(async move {
            // The task ends with the store, or is dropped with the runtime. Either way `leave` is dropped. No
            // later runtime has the id of this one before that.
            let _ = dropped.await;
            drop(leave);
        });
        Ok(link)
    }

    /// Puts a new link into the place of `link`, whose connections are of no use any more. Does nothing if that was
    /// done before.
    pub(super) fn replace(&self, link: &Arc<Link>) {
        self.put(link, link.successor(&self.dialer));
    }

    /// As [`replace`](Self::replace), for a link whose connections work, but lead to the wrong server or give wrong
    /// replies. The new link may have the same fault, so this happens once a second at most.
    pub(super) fn replace_once_a_second(&self, link: &Arc<Link>) {
        if self.claim_renewal(link) {
            self.replace(link);
        }
    }

    /// As [`replace_once_a_second`](Self::replace_once_a_second), for a link that still serves reads: it stays until the new
    /// link is connected.
    pub(super) fn replace_when_connected(self: &Arc<Self>, link: &Arc<Link>) {
        if !self.claim_renewal(link) {
            return;
        }
        self.dialer.doubt();
        let (links, link) = (Arc::clone(self), Arc::clone(link));
        detach(async move {
            let next = link.successor(&links.dialer);
            let both = (next.reads.connection().await, next.writes.connection().await);
            if let (Ok(_), Ok(_)) = both {
                links.put(&link, next);
            }
        });
    }

    /// Whether `link` is still in its place, and has been for long enough.
    fn claim_renewal(&self, link: &Arc<Link>) -> bool {
        let mut places = self.places();
        let Some(place) = places.iter_mut().find(|place| Arc::ptr_eq(&place.link, link)) else {
            return false;
        };
        let now = Instant::now();
        let due = place.renewed.is_none_or(|renewed| now - renewed >= SHORTEST_LIFE);
        if due {
            place.renewed = Some(now);
        }
        due
    }

    fn put(&self, old: &Arc<Link>, new: Arc<Link>) {
        let mut places = self.places();
        let place = places.iter_mut().find(|place| Arc::ptr_eq(&place.link, old));
        let gone = place.map(|place| std::mem::replace(&mut place.link, new));
        drop(places);
        drop(gone); // with the lock released
    }

    /// Closes the breakers of a lane, in every runtime, and replaces the links that they were open for: the
    /// server was seen to answer on a new connection.
    pub(super) fn heal(&self, lane: LaneKind) {
        let links: Vec<_> = self.places().iter().map(|place| Arc::clone(&place.link)).collect();
        for link in links {
            let Some(failed) = link.lane(lane).breaker.close() else { continue };
            // A connection that was made after the last operation that failed had begun may be the first that works.
            if !link.lane(lane).is_newer_than(failed) {
                self.replace(&link);
            }
        }
    }

    /// How many of the breakers of a lane are open.
    pub(super) fn open_breakers(&self, lane: LaneKind) -> Open {
        let places = self.places();
        let open = places.iter().filter(|place| place.link.lane(lane).breaker.is_open()).count();
        Open { any: open > 0, all: open > 0 && open == places.len() }
    }

    /// Has the waiters ask by themselves that wait for names of which `moved` is true: the server holds them no more.
    pub(super) fn disarm(&self, moved: impl Fn(&str) -> bool) {
        let links: Vec<_> = self.places().iter().map(|place| Arc::clone(&place.link)).collect();
        for link in links {
            link.tracking.disarm(&moved);
        }
    }

    /// When the server is probed over a lane.
    pub(super) fn probes(&self, lane: LaneKind) -> &Arc<Probes> {
        match lane {
            LaneKind::Reads => &self.reads,
            LaneKind::Writes => &self.writes,
        }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        lock(&self.places)
    }
}

/// Puts a new link into each of the `places`, because another server is the primary now.
fn replace_all(places: &Mutex<Vec<Place>>, dialer: &Arc<Dialer>) {
    let renew = |place: &mut Place| {
        let next = place.link.successor(dialer);
        std::mem::replace(&mut place.link, next)
    };
    let gone: Vec<_> = lock(places).iter_mut().map(renew).collect();
    // Disarmed with the lock released, because the closed connections wake nobody.
    for link in gone {
        link.tracking.disarm(|_| true);
    }
}
