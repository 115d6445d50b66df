//! The steps as transactions, where scripts are refused.
//!
//! A step with a condition watches what it depends on (`watched`). The others go over the lane of writes.

use std::time::Duration;

use redis::{FromRedisValue, Value};

use super::clock::{Timed, timestamp};
use super::failure::{Answer, Failure};
use super::lane::LaneKind;
use super::multi::{Transaction, cmd};
use super::protocol::{
    Ending, How, Protocol, Reply, Step, Target, holder, holds_any, millis, slot,
};
use super::record::{self, RETRY_AT, REVISION_AT, Record};
use super::watched::{self, Condition};
use crate::codec::CodecId;
use crate::key::Key;
use crate::store::{Acquire, Held, Take, Timestamp, Token};

pub(super) struct Transactions;

impl Protocol for Transactions {
    fn acquire<'a>(
        &'a self,
        target: Target<'a>,
        request: &'a Acquire<'a>,
    ) -> Step<'a, (Reply, Option<Timestamp>)> {
        Box::pin(async move {
            match request.take {
                Take::Force => force(target, request).await,
                Take::IfFree | Take::Beside => acquire(target, request).await,
            }
        })
    }

    fn renew<'a>(&'a self, target: Target<'a>, token: Token, term: Duration) -> Step<'a, bool> {
        Box::pin(async move {
            let change = move |held: &[String], _: &[u8]| {
                let mut change = Transaction::new();
                for name in held {
                    change.set(name, slot(token, term).as_bytes(), term);
                }
                change
            };
            if_held(target, &[token], Entries::Ignored, change).await
        })
    }

    fn finish<'a>(
        &'a self,
        target: Target<'a>,
        tokens: &'a [Token],
        ending: &'a Ending,
    ) -> Step<'a, bool> {
        Box::pin(async move {
            let entries = match ending.how {
                How::Store | How::Release => Entries::Ignored,
                How::Mark | How::Postpone => Entries::Watched,
            };
            let (key, codec, ending) = (target.key.clone(), target.codec, ending.clone());
            let change =
                move |held: &[String], header: &[u8]| finish(&key, codec, &ending, held, header);
            if_held(target, tokens, entries, change).await
        })
    }
}

/// Takes the lease, whoever holds it, and empties the hedge.
async fn force(
    target: Target<'_>,
    request: &Acquire<'_>,
) -> Result<(Reply, Option<Timestamp>), Failure> {
    let mut change = Transaction::new();
    let held = slot(request.token, request.lease);
    change.set(&target.key.lease_name(), held.as_bytes(), request.lease);
    change.delete(target.key.hedge_name());
    let Target { server, link, .. } = target;
    let forced = async {
        let mut connection = link.writes.connection().await?;
        Ok(change.run(&mut *connection).await?)
    };
    server.ask(link, LaneKind::Writes, forced).await?;
    Ok((Reply::Lease, None))
}

/// Takes a slot if nobody holds it, and reads the entry and both slots: one round trip, unless the hedge is
/// asked for as well, or what stands under a slot's name has to be removed first.
///
/// A slot that was taken, but may not be kept because of a newer entry or a hedge, is given back. Until
/// then others see it held, and have to ask once more.
async fn acquire(
    target: Target<'_>,
    request: &Acquire<'_>,
) -> Result<(Reply, Option<Timestamp>), Failure> {
    let names = [target.key.lease_name(), target.key.hedge_name()];
    // The lease is asked for first. The next rounds are for the hedge, or follow the removal of what was no
    // slot.
    let mut wanted = 0;
    loop {
        let take = take(target, &names, wanted, request);
        let (Look { is_taken, entry, found, left, time }, now) =
            target.server.ask_timed(target.link, take).await?;
        let give_back = async || {
            if is_taken {
                let change = |held: &[String], _: &[u8]| delete(held);
                if_held(target, &[request.token], Entries::Ignored, change).await?;
            }
            Ok::<_, Failure>(())
        };
        let newer = entry.filter(|entry| {
            // The entry is decoded as a whole here, so that garbage does not count as newer: the token
            // would be given back, and it must not be sent again.
            let entry = entry.clone().into();
            match Record::decode(target.key, target.codec, entry, timestamp(time)) {
                Record::Entry(found) => Some(found.revision) != request.seen,
                Record::Stray | Record::Foreign => false,
            }
        });
        if let Some(entry) = newer {
            give_back().await?;
            return Ok((Reply::Newer(entry), now));
        }
        let holder_of = |at: usize| holder(found[at].as_deref(), Some(left[at]));
        let held = Held::new(
            holder_of(0).filter(|holder| holder.token != request.token),
            holder_of(1).filter(|holder| holder.token != request.token),
        );
        if is_taken {
            if request.take == Take::IfFree && held.hedge.is_some() {
                give_back().await?;
                return Ok((Reply::Held(held), now));
            }
            return Ok((Reply::Lease, now));
        }
        match holder_of(wanted) {
            // No flight wrote what stands there, or it never ends: it is no slot of ours.
            None => {
                let (name, found) = (names[wanted].clone(), found[wanted].clone());
                let when = Condition { names: vec![name.clone()], entry: None };
                let change = move |now: &[Option<Vec<u8>>], _: &[u8]| {
                    (*now == [found.clone()]).then(|| delete(std::slice::from_ref(&name)))
                };
                watched::run(target, when, change).await?;
            }
            Some(_) if request.take == Take::Beside && wanted == 0 => wanted = 1,
            // The lease has become free since it was asked for.
            Some(_) if request.take == Take::Beside && held.lease.is_none() => wanted = 0,
            Some(_) => return Ok((Reply::Held(held), now)),
        }
    }
}

/// What a caller sees that asks for a slot.
struct Look {
    is_taken: bool,
    entry: Option<Vec<u8>>,
    /// What stands under the names of the slots, and for how many milliseconds more.
    found: [Option<Vec<u8>>; 2],
    left: [i64; 2],
    /// The server's time, in seconds and microseconds.
    time: (u64, u64),
}

/// Takes the slot `names[wanted]` if nothing stands there, and looks at the entry and both slots.
async fn take(
    target: Target<'_>,
    names: &[String; 2],
    wanted: usize,
    request: &Acquire<'_>,
) -> Answer<Timed<Look>> {
    let mine = slot(request.token, request.lease);
    let term = millis(request.lease);
    let mut look = Transaction::new();
    look.add(cmd("SET", |set| set.arg(&names[wanted]).arg(&mine).arg("NX").arg("PX").arg(term)));
    look.add(cmd("MGET", |mget| mget.arg(target.key.as_str()).arg(&names[..])));
    for name in names {
        look.add(cmd("PTTL", |pttl| pttl.arg(name)));
    }
    look.add(cmd("TIME", |time| time));
    let replies = look.run(&mut *target.link.writes.connection().await?).await?;
    let mut replies = replies.into_iter();
    let mut next = || replies.next().unwrap_or(Value::Nil);
    let is_taken = next() == Value::Okay;
    let (entry, lease, hedge) = FromRedisValue::from_redis_value(next())?;
    let left = [i64::from_redis_value(next())?, i64::from_redis_value(next())?];
    let time = FromRedisValue::from_redis_value(next())?;
    Ok((Look { is_taken, entry, found: [lease, hedge], left, time }, Some(time)))
}

/// The transaction that ends a load. The slots `held` hold its tokens, and its entry begins with `header`.
fn finish(
    key: &Key,
    codec: CodecId,
    ending: &Ending,
    held: &[String],
    header: &[u8],
) -> Transaction {
    let mut change = Transaction::new();
    let names = [key.lease_name(), key.hedge_name()];
    let is_held_off = match ending.how {
        How::Mark => record::is_valid_value(key, codec, header, ending.now),
        How::Postpone => record::revision_of(key, codec, header).is_some(),
        How::Store | How::Release => false,
    };
    if is_held_off {
        // The entry is changed in place, so that it keeps its own time to live.
        let mut put = |position: usize, bytes: [u8; 8]| {
            let name = key.as_str();
            change.add(cmd("SETRANGE", |put| put.arg(name).arg(position).arg(&bytes[..])));
        };
        put(REVISION_AT, ending.revision.0.to_be_bytes());
        put(RETRY_AT, ending.retry_at.as_micros().to_be_bytes());
    }
    let emptied = match ending.how {
        How::Store | How::Mark => {
            if !is_held_off {
                change.set(key.as_str(), &ending.entry, ending.life);
            }
            &names[..]
        }
        How::Postpone | How::Release => held,
    };
    change.delete(emptied);
    change
}

/// Whether a change depends on the entry, which then has to be the same when the change is made.
#[derive(Clone, Copy, PartialEq)]
enum Entries {
    Ignored,
    Watched,
}

/// Runs the transaction that `change` makes of the slots that hold one of `tokens` and of the entry's
/// header. `false` if no slot holds a token.
async fn if_held(
    target: Target<'_>,
    tokens: &[Token],
    entries: Entries,
    change: impl Fn(&[String], &[u8]) -> Transaction + Send + Sync + 'static,
) -> Result<bool, Failure> {
    let names = vec![target.key.lease_name(), target.key.hedge_name()];
    let entry = (entries == Entries::Watched).then(|| target.key.as_str().to_owned());
    let (slots, tokens) = (names.clone(), tokens.to_vec());
    watched::run(target, Condition { names, entry }, move |found, header| {
        let slots = slots.iter().zip(found);
        let held = slots.filter(|(_, value)| holds_any(value.as_deref(), &tokens));
        let held: Vec<String> = held.map(|(name, _)| name.clone()).collect();
        (!held.is_empty()).then(|| change(&held, header))
    })
    .await
}

fn delete(names: &[String]) -> Transaction {
    let mut change = Transaction::new();
    change.delete(names);
    change
}
