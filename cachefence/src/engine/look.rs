//! Reading the store, once for many callers.

use std::pin::{Pin, pin};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::flight::{Baton, Entered, Member, Turn};
use super::ticket::Ticket;
use super::{Call, Engine, Joiner};
use crate::error::StoreError;
use crate::key::Key;
use crate::race::{First, race};
use crate::report;
use crate::store::{Snapshot, StoreFuture, StoreResult};
use crate::time::{in_time, sleep};

/// How long a caller waits for a read that another one sent, where the store does not say how long it
/// takes. Stores bound their reads themselves, but only while they are polled, and a caller that is not
/// polled any more may be the one who sent it.
const READ_PATIENCE: Duration = Duration::from_millis(300);

/// What a caller finds at first sight.
pub(super) enum Look {
    Found(Snapshot),
    Nothing,
    /// The store cannot be read.
    Unavailable,
    /// A rebuild is under way here, so there was no need to read.
    Underway(Joiner),
}

/// What a shared read came to.
#[derive(Clone)]
pub(super) struct Reading {
    begun: Ticket,
    result: Result<Option<Snapshot>, StoreError>,
}

impl Engine {
    /// Looks into the store, or finds that a rebuild is under way here.
    pub(super) async fn look(&self, call: &mut Call<'_>) -> Look {
        let result = match self.read(call.key).now() {
            Ok(result) => result,
            Err(read) => {
                let ticket = *call.ticket.get_or_insert_with(|| self.tickets.next());
                let asked = Instant::now();
                // In a box, which costs a remote read little, and leaves what is local small.
                let look = Box::pin(self.look_together(call, ticket, read)).await;
                call.spent.add(asked.elapsed());
                return look;
            }
        };
        found(call.key, result)
    }

    /// Reads the entry, unless an invalidation of it is still owed to the store.
    pub(super) fn read<'a>(&'a self, key: &'a Key) -> StoreResult<'a, Option<Snapshot>> {
        if self.owed.has(key) {
            let message = "an invalidation of the entry has not reached the store yet";
            return StoreFuture::ready(Err(StoreError::unsaid(message)));
        }
        self.store.read(key)
    }

    /// Shares one read among the callers that came before it was sent.
    ///
    /// A read that is under way may already have passed an invalidation that a caller knows of, so
    /// callers that come meanwhile share the next one.
    pub(super) async fn look_together(
        &self,
        call: &Call<'_>,
        ticket: Ticket,
        read: StoreResult<'_, Option<Snapshot>>,
    ) -> Look {
        let key = call.key;
        if let Some(member) = self.rebuilds.join_cold(key.as_str()) {
            return Look::Underway(member);
        }
        match self.reads.enter(key.as_str(), false) {
            Entered::Leads(baton) => found(key, self.read_for_all(baton, read).await),
            // In a box: whoever is alone with a key does not carry what waiting takes.
            Entered::Joins(member) => {
                Box::pin(self.wait_for_read(call, ticket, read, member)).await
            }
        }
    }

    /// Waits for a read, and for the next if this one was sent too early.
    async fn wait_for_read(
        &self,
        call: &Call<'_>,
        ticket: Ticket,
        read: StoreResult<'_, Option<Snapshot>>,
        mut member: Member<Option<Reading>, ()>,
    ) -> Look {
        let key = call.key;
        // A read of one's own is bounded by the store; with the wait for another's before it, it is
        // bounded here.
        let mut since = Some(Instant::now());
        let baton = loop {
            match race(Pin::new(&mut member), pin!(sleep(self.read_patience()))).await {
                First::A(Turn::Leads(baton)) => break baton,
                // A failure holds no data that could be too old, and is not to be waited for twice.
                First::A(Turn::Landed(Some(Reading { begun, result })))
                    if ticket < begun || result.is_err() =>
                {
                    return found(key, result);
                }
                First::A(Turn::Landed(_)) => {}
                // One of those who waited begins the next read, for all of them. That its reader is
                // not polled says nothing of the store.
                First::B(()) => {
                    since = None;
                    member.dismiss(None);
                }
            }
            // Again: the read that was waited for may have found nothing.
            if let Some(member) = self.rebuilds.join_cold(key.as_str()) {
                return Look::Underway(member);
            }
            member = match self.reads.enter(key.as_str(), false) {
                Entered::Leads(baton) => break baton,
                Entered::Joins(member) => member,
            };
            since.get_or_insert_with(Instant::now);
        };
        let read = self.read_for_all(baton, read);
        let result = match since {
            None => read.await,
            Some(since) => {
                let left = self.left(call).saturating_sub(since.elapsed());
                let result = in_time(left, pin!(read)).await;
                result.unwrap_or_else(|| Err(StoreError::too_slow()))
            }
        };
        found(key, result)
    }

    /// How long a caller waits for a read that another one sent: a little longer than it may take.
    fn read_patience(&self) -> Duration {
        match self.store().patience() {
            Duration::MAX => READ_PATIENCE,
            most => most.saturating_add(most / 5),
        }
    }

    async fn read_for_all(
        &self,
        baton: Baton<Option<Reading>, ()>,
        read: StoreResult<'_, Option<Snapshot>>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let begun = self.tickets.next();
        let result = read.await;
        baton.land(Some(Reading { begun, result: result.clone() }));
        result
    }

    /// An entry that can be served, read after this was called, with its value. Nothing, if the store
    /// has none or cannot be read.
    pub(super) async fn landed<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Option<(Ticket, Snapshot, T)> {
        let begun = self.tickets.next();
        let found = self.read(call.key).await.ok().flatten()?;
        self.servable(call, &found).map(|value| (begun, found, value))
    }
}

fn found(key: &Key, result: Result<Option<Snapshot>, StoreError>) -> Look {
    match result {
        Ok(Some(snapshot)) => Look::Found(snapshot),
        Ok(None) => Look::Nothing,
        Err(error) => {
            report::store_failed("read", key, &error);
            Look::Unavailable
        }
    }
}
