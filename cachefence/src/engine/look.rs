//! Reading the store, once for many callers.

use super::flight::{Baton, Entered, Member, Turn};
use super::ticket::Ticket;
use super::{Call, Engine, Outcome};
use crate::error::StoreError;
use crate::key::Key;
use crate::lease::Lease;
use crate::report;
use crate::store::{Snapshot, StoreResult};

/// What a caller finds at first sight.
pub(super) enum Look {
    Found(Snapshot),
    Nothing,
    /// The store cannot be read.
    Unavailable,
    /// A rebuild is under way here, so there was no need to read.
    Underway(Member<Outcome, Option<Lease>>),
}

/// How a shared read ends.
#[derive(Clone)]
pub(super) struct Reading {
    begun: Ticket,
    result: Result<Option<Snapshot>, StoreError>,
}

impl Engine {
    pub(super) async fn look(&self, call: &mut Call<'_>) -> Look {
        let result = match self.store.read(call.key).now() {
            Ok(result) => result,
            Err(read) => {
                let ticket = *call.ticket.get_or_insert_with(|| self.tickets.next());
                if let Some(member) = self.rebuilds.join_cold(call.key.as_str()) {
                    return Look::Underway(member);
                }
                self.read_together(call.key, ticket, read).await
            }
        };
        match result {
            Ok(Some(snapshot)) => Look::Found(snapshot),
            Ok(None) => Look::Nothing,
            Err(error) => {
                report::store_failed("read", call.key, &error);
                Look::Unavailable
            }
        }
    }

    /// Shares one read among the callers that came before it was sent.
    ///
    /// A read that is under way may already have passed an invalidation that a caller knows of, so
    /// callers that come meanwhile share the next one.
    async fn read_together(
        &self,
        key: &Key,
        ticket: Ticket,
        read: StoreResult<'_, Option<Snapshot>>,
    ) -> Result<Option<Snapshot>, StoreError> {
        loop {
            match self.reads.enter(key.as_str(), false) {
                Entered::Leads(baton) => return self.read_for_all(baton, read).await,
                Entered::Joins(member) => match member.await {
                    Turn::Leads(baton) => return self.read_for_all(baton, read).await,
                    Turn::Landed(reading) if ticket < reading.begun => return reading.result,
                    Turn::Landed(_) => {}
                },
            }
        }
    }

    async fn read_for_all(
        &self,
        baton: Baton<Reading, ()>,
        read: StoreResult<'_, Option<Snapshot>>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let begun = self.tickets.next();
        let result = read.await;
        baton.land(Reading { begun, result: result.clone() });
        result
    }
}
