//! The parts of one cache's engine. They are made when the cache is built, and all its calls share
//! them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::invalidations::Invalidations;
use super::landing::Loads;
use super::load::crowds::Crowds;
use super::load::holders::Holders;
use super::load::kept::KeptValues;
use super::load::limits::Limiter;
use super::read::found::SharedRead;
use super::read::slots::Slots;
use super::ticket::Tickets;
use crate::chance::Chance;
use crate::codec::AnyCodec;
use crate::error::StoreError;
use crate::freshness::Draws;
use crate::key::Key;
use crate::lease::{Lease, LeaseParts};
use crate::observe::Observers;
use crate::options::Policy;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::time::in_time;
use crate::verify::Verifier;

/// When the store answers a call. It is known beforehand, because every hit depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    AtOnce,
    Later,
    /// Calls do not ask it: the cache is disabled.
    Never,
}

/// The engine of one cache: its store and codec, and the state that its calls share.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(super) answers: Answers,
    pub(crate) codec: AnyCodec,
    pub(crate) chance: Chance,
    pub(super) draws: Draws,
    pub(crate) verifier: Verifier,
    pub(super) tickets: Tickets,
    /// The reads that callers share. After one that lands `None`, each of its callers reads again.
    pub(super) reads: Arc<Slots<Option<SharedRead>>>,
    pub(super) loads: Arc<Loads>,
    pub(super) guests: Arc<Loads>,
    /// Who holds the leases that this process was told of.
    pub(super) holders: Holders,
    /// Those who run recomputes of their own.
    pub(super) crowds: Crowds,
    /// Values beside entries that do not decode.
    pub(super) kept: KeptValues,
    /// Limits the recomputes that run because the store cannot be asked.
    pub(super) bypass: Limiter,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) invalidations: Arc<Invalidations>,
    pub(crate) observers: Arc<Observers>,
}

impl Engine {
    /// `max_bypass` is how many recomputes may run at a time while the store cannot be asked.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        codec: AnyCodec,
        chance: Chance,
        max_bypass: usize,
        observers: Arc<Observers>,
    ) -> Self {
        let (loads, guests) = (Arc::new(Loads::new()), Arc::new(Loads::new()));
        let invalidations = Arc::new(Invalidations::new(
            Arc::clone(&store),
            [Arc::clone(&loads), Arc::clone(&guests)],
            Arc::clone(&observers),
        ));
        Self {
            answers: if store.traits().answers_at_once { Answers::AtOnce } else { Answers::Later },
            store,
            codec,
            draws: Draws::new(chance.number()),
            verifier: Verifier::default(),
            chance,
            tickets: Tickets::default(),
            reads: Arc::new(Slots::new()),
            loads,
            guests,
            holders: Holders::default(),
            crowds: Crowds::default(),
            kept: KeptValues::default(),
            bypass: Limiter::new(max_bypass),
            tasks: Arc::default(),
            invalidations,
            observers,
        }
    }

    /// The engine of a cache that is disabled: its calls run their bodies. The `store` holds nothing.
    pub(crate) fn disabled(store: Arc<dyn Store>, observers: Arc<Observers>) -> Self {
        let engine = Self::new(store, AnyCodec::Json, Chance::default(), usize::MAX, observers);
        Self { answers: Answers::Never, ..engine }
    }

    /// Whether calls run their bodies, and nothing else.
    pub(crate) fn is_disabled(&self) -> bool {
        self.answers == Answers::Never
    }

    /// The problem of a value of `bytes` bytes, if the value is too large to be stored.
    pub(crate) fn too_large(&self, key: &Key, policy: &Policy, bytes: usize) -> Option<String> {
        let largest = self.store.traits().largest_entry.unwrap_or(usize::MAX);
        let bound = if bytes > policy.max_value_bytes {
            "`max_value_bytes` allows"
        } else if bytes.saturating_add(key.as_str().len()) > largest {
            "its store keeps of one entry, the key included"
        } else {
            return None;
        };
        Some(format!("its {bytes} bytes are more than {bound}"))
    }

    /// Waits up to `longest` for detached loads, drops those that take longer, and sends pending invalidations.
    pub(crate) async fn shutdown(&self, longest: Duration) -> Result<(), StoreError> {
        /// How long a store that has no limit of its own may take.
        const STORE: Duration = Duration::from_secs(1);
        let for_store = self.store.traits().call_budget.unwrap_or(STORE);
        in_time(longest, pin!(self.tasks.close())).await;
        in_time(for_store, pin!(self.tasks.end())).await;
        let sent = in_time(for_store, pin!(self.invalidations.send_all())).await;
        let sent = sent.unwrap_or_else(|| Err(StoreError::too_slow()));
        sent.map_err(|error| error.of_pending(self.invalidations.pending_count()))
    }

    /// A lease of `key` that has not been asked for yet.
    pub(super) fn lease(&self, key: &Key, term: Duration) -> Box<Lease> {
        let Self { store, observers, tasks, chance, .. } = self;
        Box::new(Lease::new(LeaseParts { store, observers, tasks, chance }, key, term))
    }
}
