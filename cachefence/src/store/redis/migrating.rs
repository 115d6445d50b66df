//! Leases whose slot of the cluster is being handed to another node.
//!
//! Meanwhile the names of a key may be on two nodes, and no step runs that is on all of them. A script on one name runs
//! on the node that has the name. So a lease is renewed and released by itself, and is not left to its end because
//! its value could not be stored. Where scripts are refused it is left to its end, because a transaction takes
//! no `ASKING`.

use std::pin::pin;
use std::time::Duration;

use super::RedisStore;
use super::cluster::{Hop, MOST_HOPS};
use super::failure::{Failure, FailureKind};
use super::protocol::Target;
use super::scripts::LeaseStep;
use crate::key::Key;
use crate::store::Token;
use crate::time::in_time;

impl RedisStore {
    /// Releases the lease and the hedge of `key` that hold one of `tokens`; `false` if none does.
    pub(super) async fn release_migrating(
        &self,
        key: &Key,
        tokens: &[Token],
    ) -> Result<bool, Failure> {
        self.on_both(key, LeaseStep::Release(tokens)).await
    }

    /// Prolongs the lease or the hedge of `key` that holds `token`; `false` if neither does.
    pub(super) async fn renew_migrating(
        &self,
        key: &Key,
        token: Token,
        term: Duration,
    ) -> Result<bool, Failure> {
        self.on_both(key, LeaseStep::Renew(token, term)).await
    }

    /// Takes `step` on the lease and then on the hedge, in half of the time that an operation may take.
    async fn on_both(&self, key: &Key, step: LeaseStep<'_>) -> Result<bool, Failure> {
        let limit = self.op_timeout / 2;
        let both = pin!(async {
            let mut is_done = false;
            for name in [key.lease_name(), key.hedge_name()] {
                is_done |= self.on_one(key, &name, &step).await?;
            }
            Ok(is_done)
        });
        let late = || Err(Failure::timeout(self.servers.of(key).address(), limit));
        in_time(limit, both).await.unwrap_or_else(late)
    }

    /// Takes `step` on the lease or hedge of this `name`, on the node that has the name.
    async fn on_one(&self, key: &Key, name: &str, step: &LeaseStep<'_>) -> Result<bool, Failure> {
        let mut hop = Hop { server: self.servers.of(key).into_owned(), asking: false };
        let mut hops = 0;
        loop {
            let Hop { server, asking } = hop;
            if server.scripts.is_refused() {
                let message = format!("Redis at {} refuses to run scripts", server.address());
                return Err(Failure::new(FailureKind::NoScripting, message));
            }
            let link = server.links.here()?;
            let target = Target { server: &server, link: &link, key, codec: self.codec };
            let failure = match step.take(target, name, asking).await {
                Ok(is_done) => return Ok(is_done),
                Err(failure) => failure,
            };
            hop = match self.servers.next_hop(&server, &failure) {
                Some(next) if hops < MOST_HOPS => next,
                _ => return Err(failure),
            };
            hops += 1;
        }
    }
}
