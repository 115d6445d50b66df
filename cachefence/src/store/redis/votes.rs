//! Which server the sentinels name, all of them together.
//!
//! Sentinels hear of a switch at different times, and one that is cut off from the others does not hear of it at all. So
//! the server that most sentinels name counts, as soon as more than half of all do. Where a caller waits for a
//! connection and no primary is known, a sentinel that is silent is not waited for: once a server was named, the others
//! have a moment to name another. Where a primary is known, they have half of the time of the attempt. Where nobody
//! waits, only more than half of all sentinels move a primary that is known. For a while the server that the last switch
//! has left counts only where no other is named, because those that name it may be late.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::failure::{Failure, FailureKind};
use super::primary::Primary;
use crate::time::in_time_from;

/// How long the other sentinels have to answer after one has named a server that may count.
const MOMENT: Duration = Duration::from_millis(100);

/// The answers of sentinels that were asked at the same time.
struct Votes {
    /// How many sentinels were asked.
    asked: usize,
    /// The server that the last switch has left.
    left: Option<ConnectionAddr>,
    /// The servers that were named, in the order in which they were first, each with the number of sentinels.
    named: Vec<(ConnectionAddr, usize)>,
}

impl Votes {
    fn new(asked: usize, left: Option<ConnectionAddr>) -> Self {
        Self { asked, left, named: Vec::new() }
    }

    fn add(&mut self, address: ConnectionAddr) {
        match self.named.iter_mut().find(|(other, _)| *other == address) {
            Some((_, count)) => *count += 1,
            None => self.named.push((address, 1)),
        }
    }

    /// The server that most have named, and by how many.
    fn first(&self) -> Option<&(ConnectionAddr, usize)> {
        let rank = |(address, count): &(ConnectionAddr, usize)| {
            (Some(address) != self.left.as_ref(), *count)
        };
        // Of equals, that which was named first.
        self.named.iter().rev().max_by_key(|named| rank(named))
    }

    /// Whether a server was named that may count.
    fn has_candidate(&self) -> bool {
        self.first().is_some_and(|(address, _)| Some(address) != self.left.as_ref())
    }

    /// Whether more than half of the sentinels have named one server that may count.
    fn is_decided(&self) -> bool {
        self.has_candidate() && self.first().is_some_and(|(_, count)| count * 2 > self.asked)
    }

    fn into_first(self) -> Option<ConnectionAddr> {
        self.first().map(|(address, _)| address.clone())
    }
}

impl Primary {
    /// Asks all sentinels where the primary is, for a caller that waits, and takes that in. An attempt to connect has
    /// begun at `begun`, and its time limit holds.
    pub(super) async fn ask(&self, begun: Instant) -> Result<(), Failure> {
        // A primary that is known is not left for the word of one quick sentinel.
        let moment = if self.address().is_none() { MOMENT } else { self.limit() / 2 };
        let (votes, generation) = self.vote(begun, moment).await?;
        if let Some(address) = votes.into_first() {
            self.learn_answer(address, generation);
        }
        Ok(())
    }

    /// Asks all sentinels where the primary is because one of them names another, and takes in what more than half of
    /// them say.
    pub(super) async fn ask_all(&self) {
        // The failures of sentinels are told by the tasks that listen to them.
        if let Ok((votes, generation)) = self.vote(Instant::now(), self.limit()).await
            && votes.is_decided()
            && let Some(address) = votes.into_first()
        {
            self.learn_answer(address, generation);
        }
    }

    /// The answers of all sentinels, until they are decided, or until a `moment` after the first. Also the generation in
    /// which they were asked.
    async fn vote(&self, begun: Instant, moment: Duration) -> Result<(Votes, u64), Failure> {
        let (left, generation) = self.left();
        let mut asked = JoinSet::new(); // the questions that are left end when it is dropped
        for (index, sentinel) in self.sentinels.iter().enumerate() {
            let sentinel = Arc::clone(sentinel);
            asked.spawn(async move { sentinel.ask().await.map_err(|failure| (index, failure)) });
        }
        let mut votes = Votes::new(self.sentinels.len(), left);
        let mut failures = Vec::new();
        let (mut since, mut limit) = (begun, self.limit());
        while !votes.is_decided() {
            let answer = in_time_from(since, limit, pin!(asked.join_next())).await;
            match answer.flatten() {
                Some(Ok(Ok(address))) => {
                    let is_first = !votes.has_candidate();
                    votes.add(address);
                    if is_first && votes.has_candidate() {
                        (since, limit) = (Instant::now(), moment);
                    }
                }
                Some(Ok(Err(failure))) => failures.push(failure),
                Some(Err(_)) => {} // the runtime shuts down
                None => break,
            }
        }
        if votes.named.is_empty() {
            // In the order of the sentinels, so that the same trouble is told in the same words.
            failures.sort_by_key(|(index, _)| *index);
            return Err(self.unknown(&failures));
        }
        Ok((votes, generation))
    }

    /// Why no sentinel has named the primary: the failure of each.
    fn unknown(&self, failures: &[(usize, Failure)]) -> Failure {
        let mut message = format!("no sentinel tells where {} is: ", self.title());
        let mut told: Vec<String> = Vec::new();
        for (index, failure) in failures {
            let why = failure.error.to_string();
            let sentinel = self.sentinels.get(*index).map(ToString::to_string).unwrap_or_default();
            let without_address = why.replace(&sentinel, "");
            if !told.contains(&without_address) {
                message.push_str(if told.is_empty() { "" } else { "; " });
                message.push_str(&why);
                told.push(without_address);
            }
        }
        message.push_str(match failures.len() - told.len() {
            0 if told.is_empty() => "none answered in time",
            0 => "",
            1 => "; and the same of another",
            _ => "; and the same of others",
        });
        let all_unreachable = failures.iter().all(|(_, failure)| failure.is_unreachable());
        let kind = if all_unreachable { FailureKind::NotReady } else { FailureKind::Failed };
        Failure::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> ConnectionAddr {
        ConnectionAddr::Tcp("127.0.0.1".to_owned(), port)
    }

    /// The port that counts of those that three sentinels name, and whether no other answer could change that.
    fn count(left: Option<u16>, named: &[u16]) -> (Option<u16>, bool) {
        let mut votes = Votes::new(3, left.map(address));
        for port in named {
            votes.add(address(*port));
        }
        let is_decided = votes.is_decided();
        let port = votes.into_first().map(|address| match address {
            ConnectionAddr::Tcp(_, port) => port,
            other => panic!("{other} is no port"),
        });
        (port, is_decided)
    }

    #[test]
    fn the_server_that_most_sentinels_name_counts() {
        assert_eq!(count(None, &[]), (None, false));
        assert_eq!(count(None, &[1]), (Some(1), false));
        assert_eq!(count(None, &[1, 1]), (Some(1), true));
        assert_eq!(count(None, &[1, 2]), (Some(1), false));
        assert_eq!(count(None, &[1, 2, 2]), (Some(2), true));
        assert_eq!(count(None, &[1, 2, 3]), (Some(1), false));
    }

    #[test]
    fn the_server_that_was_left_counts_only_where_no_other_is_named() {
        assert_eq!(count(Some(1), &[1]), (Some(1), false));
        assert_eq!(count(Some(1), &[1, 1, 1]), (Some(1), false));
        assert_eq!(count(Some(1), &[1, 1, 2]), (Some(2), false));
        assert_eq!(count(Some(1), &[2, 2]), (Some(2), true));
    }
}
