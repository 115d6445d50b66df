//! Invalidations: an entry and its slots are deleted, in one round trip to each server that holds some of the keys.
//!
//! While a cluster hands a slot over, the names of a key may be on two nodes, and neither takes one command for all of
//! them. Then each name is deleted by itself, first where the slot was and then where it is going, and the lease goes
//! before the entry both times: a load whose lease is gone stores nothing after that.

use std::pin::pin;
use std::sync::Arc;

use redis::{ErrorKind, Pipeline, RedisResult};
use tokio::time::Instant;

use super::RedisStore;
use super::failure::{Answer, Failure, FailureKind};
use super::lane::LaneKind;
use super::multi::unjudged;
use super::server::Server;
use crate::error::{StoreError, StoreErrorKind};
use crate::key::Key;
use crate::time::{in_time, join_all};

/// How often a key is sent at most: to the node of an old table, to the one that it names, there once more name by
/// name, and to the node that is importing the slot.
const MOST_ROUNDS: usize = 4;

/// Keys to be deleted on one server.
struct Group<'a> {
    server: Arc<Server>,
    how: How,
    keys: Vec<&'a Key>,
}

/// How the names of a key are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// As one command.
    Together,
    /// As a command for each.
    Apart,
    /// As a command for each, to a node that the slot is being handed to.
    Asking,
}

/// A key that was not deleted.
struct Left<'a> {
    server: Arc<Server>,
    how: How,
    key: &'a Key,
    failure: Failure,
}

impl RedisStore {
    pub(super) async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let begun = Instant::now();
        match self.delete_once(keys).await {
            // Deleting twice does no harm.
            Err(lost)
                if lost.kind() == StoreErrorKind::Lost && begun.elapsed() < self.op_timeout / 2 =>
            {
                let again = pin!(self.delete_once(keys));
                in_time(self.op_timeout / 2, again).await.unwrap_or(Err(lost))
            }
            deleted => deleted,
        }
    }

    async fn delete_once(&self, keys: &[Key]) -> Result<(), StoreError> {
        let groups = self.servers.by_server(keys).into_iter();
        let groups = groups.map(|(server, keys)| Group { server, how: How::Together, keys });
        let mut left = delete_all(groups.collect()).await;
        if !left.is_empty() {
            // The keys that are still left when the time is over have failed as they had before.
            let _ = in_time(self.op_timeout / 2, pin!(self.follow(&mut left))).await;
        }
        let failed = left.len();
        let Some(Left { failure, .. }) = left.into_iter().next() else { return Ok(()) };
        let error = StoreError::from(failure);
        Err(if keys.len() > 1 { error.of_entries(failed, keys.len()) } else { error })
    }

    /// Deletes the keys that are `left` on the nodes that hold them now, as long as nodes name others.
    async fn follow(&self, left: &mut Vec<Left<'_>>) {
        for _ in 1..MOST_ROUNDS {
            let mut groups: Vec<Group<'_>> = Vec::new();
            let mut is_sent = vec![false; left.len()];
            for (key, is_sent) in left.iter().zip(&mut is_sent) {
                let Some((server, how)) = self.next(key) else { continue };
                *is_sent = true;
                let is_it = |group: &&mut Group<'_>| {
                    group.how == how && Arc::ptr_eq(&group.server, &server)
                };
                match groups.iter_mut().find(is_it) {
                    Some(group) => group.keys.push(key.key),
                    None => groups.push(Group { server, how, keys: vec![key.key] }),
                }
            }
            if groups.is_empty() {
                return;
            }
            let failed = delete_all(groups).await;
            let mut is_sent = is_sent.into_iter();
            left.retain(|_| is_sent.next() != Some(true));
            left.extend(failed);
        }
    }

    /// Where, and how, a key that is left is to be deleted next; `None` if no node says so.
    fn next(&self, left: &Left<'_>) -> Option<(Arc<Server>, How)> {
        let Left { server, how, failure, .. } = left;
        let hop = self.servers.next_hop(server, failure);
        match (failure.kind, how) {
            (FailureKind::Ask | FailureKind::TryAgain, How::Together) => {
                Some((Arc::clone(server), How::Apart))
            }
            (FailureKind::Ask, _) => Some((hop?.server, How::Asking)),
            (FailureKind::Moved, How::Together) => Some((hop?.server, How::Together)),
            (FailureKind::Moved, _) => Some((hop?.server, How::Apart)),
            _ => None,
        }
    }
}

/// Deletes each group on its server, all at once. Returns the keys that are left.
async fn delete_all(groups: Vec<Group<'_>>) -> Vec<Left<'_>> {
    join_all(groups.into_iter().map(delete_group)).await.into_iter().flatten().collect()
}

async fn delete_group(group: Group<'_>) -> Vec<Left<'_>> {
    let Group { server, how, keys } = group;
    let all_left = |failure: Failure| {
        let left = |key| Left { server: Arc::clone(&server), how, key, failure: failure.clone() };
        keys.iter().copied().map(left).collect()
    };
    let link = match server.links.here() {
        Ok(link) => link,
        Err(error) => return all_left(error.into()),
    };
    let mut replies = Vec::new();
    // Each reply has to be a count. On a connection whose replies have slipped, any other reply belongs to another
    // command, and the entry may still be there.
    let sent = async {
        let mut connection = link.writes.connection().await?;
        let all: Vec<RedisResult<u64>> = commands(&keys, how).query_async(&mut *connection).await?;
        replies = of_keys(all, keys.len(), how);
        let deleted: RedisResult<()> = replies.iter().cloned().collect();
        Answer::Ok(deleted?)
    };
    let Err(failure) = server.ask(&link, LaneKind::Writes, sent).await else { return Vec::new() };
    if replies.len() != keys.len() {
        return all_left(failure);
    }
    let left = keys.iter().zip(replies).filter_map(|(key, reply)| {
        let failure = Failure::classify(server.address(), reply.err()?);
        Some(Left { server: Arc::clone(&server), how, key, failure })
    });
    left.collect()
}

/// The commands that delete `keys`, those of each key in the order in which they have to be carried out.
fn commands(keys: &[&Key], how: How) -> Pipeline {
    let mut pipeline = unjudged();
    for key in keys {
        let names = [key.lease_name(), key.hedge_name(), key.as_str().to_owned()];
        if how == How::Together {
            pipeline.cmd("DEL").arg(&names[..]);
            continue;
        }
        for name in names {
            if how == How::Asking {
                // `ASKING` holds for the next command only.
                pipeline.cmd("ASKING").ignore();
            }
            pipeline.cmd("DEL").arg(name);
        }
    }
    pipeline
}

/// Whether each of `keys` keys was deleted, by the `replies` to their commands.
fn of_keys(replies: Vec<RedisResult<u64>>, keys: usize, how: How) -> Vec<RedisResult<()>> {
    let commands = if how == How::Together { 1 } else { 3 };
    let mut replies = replies.into_iter();
    // All replies of a key are taken, and one that is missing is none that says it is deleted.
    let of_key = |_| {
        let of_key: Vec<_> =
            (0..commands).map(|_| replies.next().unwrap_or_else(no_reply)).collect();
        of_key.into_iter().try_for_each(|reply| reply.map(drop))
    };
    (0..keys).map(of_key).collect()
}

fn no_reply() -> RedisResult<u64> {
    Err((ErrorKind::UnexpectedReturnType, "fewer replies than commands").into())
}

#[cfg(test)]
mod tests {
    use redis::RedisError;

    use super::*;

    const DELETED: RedisResult<u64> = Ok(1);

    fn ask() -> RedisResult<u64> {
        Err(RedisError::from((ErrorKind::Extension, "ask")))
    }

    fn are_deleted(replies: Vec<RedisResult<u64>>, keys: usize, how: How) -> Vec<bool> {
        of_keys(replies, keys, how).iter().map(Result::is_ok).collect()
    }

    #[test]
    fn a_key_is_deleted_if_each_of_its_names_is() {
        for how in [How::Apart, How::Asking] {
            let replies = vec![ask(), DELETED, DELETED, DELETED, ask(), ask()];
            assert_eq!(are_deleted(replies, 2, how), [false, false]);
            let replies =
                vec![DELETED, ask(), ask(), DELETED, DELETED, DELETED, DELETED, DELETED, ask()];
            assert_eq!(are_deleted(replies, 3, how), [false, true, false]);
            assert_eq!(are_deleted(vec![DELETED; 5], 2, how), [true, false]);
        }
        assert_eq!(are_deleted(vec![ask(), DELETED], 3, How::Together), [false, true, false]);
    }
}
