//! The observers of one cache: its counters, its log and all who want to know.
//!
//! Each method takes in one kind of event. The counters come first, because they are there always; the
//! event itself is made only where somebody may want it.

#[cfg(feature = "redis")]
use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

#[cfg(feature = "redis")]
use tokio::time::Instant;

use super::counters::{Count, Counters};
use super::wording::{first_line, without_values};
use super::{
    BypassReason, Event, LeaseLoss, LoadOutcome, Observe, Operation, RequestResult, Stats, Trouble,
};
use crate::error::{StoreError, StoreErrorKind};
use crate::key::Key;
use crate::sync::lock;

/// The words for a panic that goes on in no caller.
pub(crate) const PANICKED: &str = "it panicked";

/// The observers of one cache.
pub(crate) struct Observers {
    name: String,
    counters: Counters,
    list: Vec<Box<dyn Observe>>,
    /// The functions whose loads have been dropped while others waited.
    dropped: Mutex<HashSet<&'static str>>,
    #[cfg(feature = "tracing")]
    flood: super::flood::Flood,
    /// The outages of each server, by its address.
    #[cfg(feature = "redis")]
    outages: Mutex<HashMap<String, Outages>>,
}

/// The times in which the circuit breaker of a server was open. The threads that open and close it may
/// tell of that in another order, so the openings are numbered.
#[cfg(feature = "redis")]
#[derive(Default)]
struct Outages {
    now: Option<Outage>,
    /// The last opening that is over.
    ended: u64,
}

/// An outage that has not ended.
#[cfg(feature = "redis")]
struct Outage {
    opening: u64,
    since: Instant,
    /// How many bodies had run because of an outage when this one began.
    bypassed_before: u64,
    /// What was said of it last.
    message: String,
}

impl Observers {
    /// The observers of a cache with this `name`, which may be empty.
    pub(crate) fn new(name: String, list: Vec<Box<dyn Observe>>) -> Self {
        #[cfg(feature = "metrics")]
        let list = with_metrics(list, &name);
        Self {
            name,
            counters: Counters::new(),
            list,
            dropped: Mutex::default(),
            #[cfg(feature = "tracing")]
            flood: super::flood::Flood::new(),
            #[cfg(feature = "redis")]
            outages: Mutex::default(),
        }
    }

    /// The name of the cache.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn stats(&self, pending_invalidations: usize) -> Stats {
        self.counters.stats(pending_invalidations)
    }

    /// Whether somebody wants to know of what happens all the time: of calls, loads and operations.
    pub(crate) fn want_all(&self) -> bool {
        !self.list.is_empty()
    }

    /// A call was served.
    #[inline]
    pub(crate) fn served(&self, key: &Key, result: RequestResult, waited: Option<Duration>) {
        self.counters.add(Count::Request(result));
        if self.want_all() {
            self.tell_served(key, result, waited);
        }
    }

    #[cold]
    fn tell_served(&self, key: &Key, result: RequestResult, waited: Option<Duration>) {
        self.pass_on(&Event::Request { template: template(key), result, waited });
    }

    /// A body begins.
    pub(super) fn load_began(&self, template: &'static str, bypass: Option<BypassReason>) {
        self.counters.add(Count::LoadBegan);
        if let Some(reason) = bypass {
            self.counters.add(Count::Bypass(reason));
        }
        self.tell(&Event::LoadBegan { template, bypass });
    }

    /// A load is over.
    pub(super) fn load_over(
        &self,
        template: &'static str,
        outcome: LoadOutcome,
        bypass: Option<BypassReason>,
        took: Duration,
    ) {
        self.counters.add(Count::Load(outcome));
        self.tell(&Event::Load { template, outcome, bypass, took });
    }

    /// The store is asked for an operation.
    #[inline]
    pub(crate) fn asked(&self, operation: Operation) {
        self.counters.add(Count::Operation(operation));
    }

    /// An operation is over, which was timed because somebody [wants to know](Self::want_all).
    pub(crate) fn operation_over(&self, operation: Operation, took: Duration, succeeded: bool) {
        self.tell(&Event::Operation { operation, took, succeeded });
    }

    /// The store failed, and the call goes on without it.
    pub(crate) fn store_failed(&self, operation: Operation, key: &Key, error: &StoreError) {
        // What was not asked cannot have failed.
        if error.kind() != StoreErrorKind::InvalidationPending {
            self.counters.add(Count::Failure(operation));
        }
        if !error.is_told() {
            self.tell(&Event::StoreFailed { template: template(key), operation, error });
        }
    }

    /// Tells the metrics that the number of pending invalidations has changed. [`stats`](Self::stats) is given the number.
    pub(crate) fn pending_changed(&self, by: f64) {
        #[cfg(feature = "metrics")]
        guarded(|| super::metrics::pending_changed(&self.name, by));
        #[cfg(not(feature = "metrics"))]
        let _ = (&self.name, by);
    }

    /// The outages under way have changed, of which there is no more than one for each server. Called with their lock
    /// held, so that the number of the later of two changes stays.
    #[cfg(feature = "redis")]
    fn outages_changed(&self, outages: &HashMap<String, Outages>) {
        let under_way = outages.values().filter(|outages| outages.now.is_some()).count();
        #[cfg(feature = "metrics")]
        guarded(|| super::metrics::outages_changed(&self.name, under_way));
        #[cfg(not(feature = "metrics"))]
        let _ = (&self.name, under_way);
    }

    /// The store took long for an operation.
    #[cfg(feature = "redis")]
    #[cold]
    pub(crate) fn store_slow(&self, took: Duration, op_timeout: Duration) {
        self.tell(&Event::StoreSlow { took, op_timeout });
    }

    /// The circuit breaker of `server` has opened: the outage of number `opening`, higher than those before.
    #[cfg(feature = "redis")]
    pub(crate) fn store_down(&self, server: String, opening: u64, error: &StoreError) {
        let bypassed_before = self.counters.of(Count::Bypass(BypassReason::StoreDown));
        let mut all = lock(&self.outages);
        let outages = all.entry(server).or_default();
        // Its end may have been told first, by another thread.
        if opening <= outages.ended {
            return;
        }
        let (since, message) = (Instant::now(), error.to_string());
        outages.now = Some(Outage { opening, since, bypassed_before, message });
        self.outages_changed(&all);
        drop(all);
        self.tell(&Event::StoreDown { error });
    }

    /// `server` does not answer a probe. That is told if it says something else than before.
    #[cfg(feature = "redis")]
    pub(crate) fn store_still_down(&self, server: &str, error: &StoreError) {
        let message = error.to_string();
        let mut all = lock(&self.outages);
        let outage = all.get_mut(server).and_then(|outages| outages.now.as_mut());
        let Some(outage) = outage.filter(|outage| outage.message != message) else { return };
        outage.message = message;
        drop(all);
        self.tell(&Event::StoreStillDown { error });
    }

    /// The outage of `server` with the number `opening` is over: the server answers, or is `replaced` by other nodes of
    /// its cluster.
    #[cfg(feature = "redis")]
    pub(crate) fn store_up(&self, server: &str, opening: u64, replaced: bool) {
        let mut all = lock(&self.outages);
        let outages = all.entry(server.to_owned()).or_default();
        outages.ended = outages.ended.max(opening);
        let ended = outages.now.take_if(|now| now.opening <= opening);
        if replaced {
            all.remove(server); // nobody asks it any more
        }
        self.outages_changed(&all);
        drop(all);
        let Some(outage) = ended else { return };
        let bypassed = self.counters.of(Count::Bypass(BypassReason::StoreDown));
        let bypassed = bypassed.saturating_sub(outage.bypassed_before);
        // The next outage is another one, however soon it comes.
        #[cfg(feature = "tracing")]
        self.flood.forget("store");
        let down_for = outage.since.elapsed();
        self.tell(&Event::StoreUp { server, down_for, bypassed, replaced });
    }

    /// The store turned out not to do a part of what it is asked.
    #[cfg(feature = "redis")]
    pub(crate) fn store_degraded(&self, problem: &str) {
        self.tell(&Event::StoreDegraded { problem });
    }

    /// The store does again what it had refused.
    #[cfg(feature = "redis")]
    pub(crate) fn store_restored(&self, what: &str) {
        self.tell(&Event::StoreRestored { what });
    }

    /// The sentinels name the server at `now` as the primary of this `name`, and no longer the one at `before`.
    #[cfg(feature = "redis")]
    pub(crate) fn primary_changed(&self, name: &str, before: &str, now: &str) {
        self.tell(&Event::PrimaryChanged { name, before, now });
    }

    /// A reply held another key's entry.
    #[cfg(feature = "redis")]
    pub(crate) fn stray_reply(&self, key: &Key) {
        self.tell(&Event::StrayReply { template: template(key) });
    }

    /// A lease was lost during its load, which had run for `after`.
    pub(crate) fn lease_lost(&self, key: &Key, loss: LeaseLoss, after: Duration) {
        self.tell(&Event::LeaseLost { template: template(key), loss, after });
    }

    /// An entry does not decode to the call's type.
    pub(crate) fn undecodable_entry(&self, key: &Key, error: &(dyn std::error::Error + 'static)) {
        let problem = &without_values(&error.to_string());
        self.tell(&Event::UndecodableEntry { template: template(key), problem });
    }

    /// A value of type `ty` does not decode from what it was encoded to.
    pub(crate) fn undecodable_value(
        &self,
        key: &Key,
        ty: &str,
        error: &(dyn std::error::Error + 'static),
    ) {
        let problem = without_values(&error.to_string());
        let problem = format!(
            "a `{ty}` does not decode from its own encoding: {problem}; look for `skip_serializing`, `rename`, \
             `flatten` and the like among the serde attributes"
        );
        self.unstorable_value(key, &problem);
    }

    /// A value is served and not stored.
    pub(crate) fn unstorable_value(&self, key: &Key, problem: &str) {
        self.tell(&Event::UnstorableValue { template: template(key), problem });
    }

    /// An error of a body is not returned.
    pub(crate) fn swallowed_error(&self, key: &Key, error: &str) {
        self.tell(&Event::SwallowedError { template: template(key), error: first_line(error) });
    }

    /// A load was dropped with its caller, while others waited for it. The log says so once for each function.
    pub(crate) fn load_dropped(&self, key: &Key) {
        let template = template(key);
        let event = Event::LoadDropped { template };
        if lock(&self.dropped).insert(template) {
            self.tell(&event);
        } else {
            self.counters.add(Count::Trouble(Trouble::DroppedLoad));
            self.pass_on(&event);
        }
    }

    /// An invalidation is sent again until the store takes it.
    pub(crate) fn invalidation_pending(&self, key: &Key) {
        self.tell(&Event::InvalidationPending { template: template(key) });
    }

    /// A refresh is left to a later call.
    pub(crate) fn skipped_refresh(&self, key: &Key) {
        self.tell(&Event::SkippedRefresh { template: template(key) });
    }

    /// A call runs its body without the cache.
    pub(crate) fn unusable_call(&self, key: &Key, error: &(dyn std::error::Error + 'static)) {
        let problem = &error.to_string();
        self.tell(&Event::UnusableCall { template: template(key), problem });
    }

    /// Counts a trouble, and tells the log and all who want to know.
    fn tell(&self, event: &Event<'_>) {
        if let Some(trouble) = event.trouble() {
            self.counters.add(Count::Trouble(trouble));
        }
        #[cfg(feature = "tracing")]
        guarded(|| super::log::write(&self.name, &self.flood, event));
        self.pass_on(event);
    }

    fn pass_on(&self, event: &Event<'_>) {
        for observer in &self.list {
            guarded(|| observer.on_event(event));
        }
    }
}

/// Calls somebody who is told of an event. A panic is that one's own fault, and no reason for a call to fail;
/// nothing of the cache is lent out, so nothing is left half done.
fn guarded(told: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(told)));
}

#[cfg(feature = "metrics")]
fn with_metrics(mut list: Vec<Box<dyn Observe>>, name: &str) -> Vec<Box<dyn Observe>> {
    list.push(Box::new(super::metrics::Metrics::new(name)));
    list
}

/// The template of a key as events have it.
pub(super) fn template(key: &Key) -> &'static str {
    key.template().unwrap_or_default()
}

/// An annotated function ran before any cache was installed. There is no cache whose observers could be
/// told.
pub(crate) fn not_installed() {
    const MESSAGE: &str = "no default cache is installed, so annotated functions cache in this \
                           process only; call `CacheFence::install` at startup, or name a cache \
                           with `cache = ..`";
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "cachefence", "{MESSAGE}");
    #[cfg(not(feature = "tracing"))]
    eprintln!("cachefence: {MESSAGE}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key() -> Key {
        Key::new("", "user:secret".to_owned(), Some("user:<id>")).0
    }

    #[test]
    fn an_observer_that_panics_harms_nobody() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let panics = |_: &Event<'_>| panic!("on purpose");
        let notes = Arc::clone(&seen);
        let notes = move |event: &Event<'_>| lock(&notes).push(event.to_string());
        let observers = Observers::new(String::new(), vec![Box::new(panics), Box::new(notes)]);
        observers.served(&key(), RequestResult::Hit, None);
        assert_eq!(*lock(&seen), ["a call was served: hit"]);
        assert_eq!(observers.stats(0).requests.hit, 1);
    }

    #[test]
    fn events_name_the_template_and_not_the_key() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let notes = move |event: &Event<'_>| lock(&notes).push(format!("{event:?} {event}"));
        let observers = Observers::new(String::new(), vec![Box::new(notes)]);
        let (key, error) = (&key(), StoreError::new("gone"));
        observers.served(key, RequestResult::Joined, Some(Duration::ZERO));
        observers.load(key, Some(BypassReason::StoreFailed)).end(LoadOutcome::Stored);
        observers.store_failed(Operation::Read, key, &error);
        observers.lease_lost(key, LeaseLoss::Expired, Duration::ZERO);
        observers.undecodable_entry(key, &error);
        observers.unstorable_value(key, "its ttl is out of bounds");
        observers.swallowed_error(key, "gone");
        observers.unusable_call(key, &error);
        let seen = lock(&seen);
        assert_eq!(seen.len(), 9);
        assert!(seen.iter().all(|event| event.contains("user:<id>")), "{seen:?}");
        assert!(!seen.iter().any(|event| event.contains("secret")), "{seen:?}");
    }

    #[test]
    fn an_error_that_follows_from_another_is_counted_and_not_told() {
        let seen = Arc::new(Mutex::new(0));
        let notes = Arc::clone(&seen);
        let notes = move |_: &Event<'_>| *lock(&notes) += 1;
        let observers = Observers::new(String::new(), vec![Box::new(notes)]);
        observers.store_failed(Operation::Read, &key(), &StoreError::told("left alone"));
        assert_eq!((observers.stats(0).failures.read, *lock(&seen)), (1, 0));
    }
}
