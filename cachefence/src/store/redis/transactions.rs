//! The steps as transactions, where scripts are refused; `WATCH` guards those with a condition.
//!
//! `WATCH` belongs to a connection: on the shared one, a caller's `EXEC` would end the watch of another. So
//! transactions with a condition go over a connection of their own, one at a time. They take several round
//! trips, and repeat if what they have read changes meanwhile.

use std::time::Duration;

use redis::{FromRedisValue, Pipeline, RedisResult, Value};

use super::clock::timestamp;
use super::failure::{Answer, Unanswered};
use super::protocol::{
    Ending, Protocol, Reply, Step, Target, Timed, holder, holds_any, millis, slot,
};
use super::record::{self, HEADER, RETRY_AT, REVISION_AT, Record};
use crate::store::{Acquire, Held, Outcome, Take, Token};

pub(super) struct Transactions;

impl Protocol for Transactions {
    fn acquire<'a>(
        &'a self,
        target: Target<'a>,
        request: &'a Acquire<'a>,
        _: bool,
    ) -> Step<'a, Timed<Reply>> {
        Box::pin(async move {
            match request.take {
                Take::Force => force(target, request).await,
                Take::IfFree | Take::Beside => acquire(target, request).await,
            }
        })
    }

    fn renew<'a>(&'a self, target: Target<'a>, token: Token, term: Duration) -> Step<'a, bool> {
        Box::pin(async move {
            let change = |held: &[String], _: &[u8]| {
                let mut change = transaction();
                for name in held {
                    set(&mut change, name, slot(token, term).as_bytes(), term);
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
        ending: &'a Ending<'a>,
    ) -> Step<'a, bool> {
        Box::pin(async move {
            let entries = match ending.outcome {
                Outcome::Store(_) | Outcome::Release => Entries::Ignored,
                Outcome::Uncacheable(_) | Outcome::Postpone(_) => Entries::Watched,
            };
            if_held(target, tokens, entries, |held, header| finish(target, ending, held, header))
                .await
        })
    }
}

/// Takes the lease, whoever holds it, and empties the hedge.
async fn force(target: Target<'_>, request: &Acquire<'_>) -> Answer<Timed<Reply>> {
    let mut change = transaction();
    let held = slot(request.token, request.lease);
    set(&mut change, &target.key.lease_name(), held.as_bytes(), request.lease);
    change.cmd("DEL").arg(target.key.hedge_name()).ignore();
    change.exec_async(&mut *target.link.writes.connection().await?).await?;
    Ok((Reply::Lease, None))
}

/// Takes a slot if nobody holds it, and reads the entry and both slots: one round trip, unless the hedge is
/// asked for as well, or what stands under a slot's name has to be removed first.
///
/// A slot that was taken, but may not be kept because of a newer entry or a hedge, is given back. Until
/// then others see it held, and have to ask once more.
async fn acquire(target: Target<'_>, request: &Acquire<'_>) -> Answer<Timed<Reply>> {
    let names = [target.key.lease_name(), target.key.hedge_name()];
    let mine = slot(request.token, request.lease);
    // The lease is asked for first. The next rounds are for the hedge, or follow the removal of what was no
    // slot.
    let mut wanted = 0;
    loop {
        let mut pipeline = redis::pipe();
        pipeline.atomic().ignore_errors();
        let set = pipeline.cmd("SET").arg(&names[wanted]).arg(&mine);
        set.arg("NX").arg("PX").arg(millis(request.lease));
        pipeline.cmd("MGET").arg(target.key.as_str()).arg(&names[..]);
        pipeline.cmd("PTTL").arg(&names[0]);
        pipeline.cmd("PTTL").arg(&names[1]);
        pipeline.cmd("TIME");
        let replies: Vec<RedisResult<Value>> =
            pipeline.query_async(&mut *target.link.writes.connection().await?).await?;
        let mut replies = replies.into_iter();
        let mut next = || replies.next().unwrap_or(Ok(Value::Nil));
        let is_taken = next()? == Value::Okay;
        let (entry, found) = three(next()?)?;
        let left = [i64::from_redis_value(next()?)?, i64::from_redis_value(next()?)?];
        let time = <(u64, u64)>::from_redis_value(next()?)?;

        let give_back = async || {
            if is_taken {
                let change = |held: &[String], _: &[u8]| delete(held);
                if_held(target, &[request.token], Entries::Ignored, change).await?;
            }
            Ok::<_, Unanswered>(())
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
            return Ok((Reply::Newer(entry), Some(time)));
        }
        let holder_of = |at: usize| holder(found[at].as_deref(), Some(left[at]));
        let held = Held::new(
            holder_of(0).filter(|holder| holder.token != request.token),
            holder_of(1).filter(|holder| holder.token != request.token),
        );
        if is_taken {
            if request.take == Take::IfFree && held.hedge.is_some() {
                give_back().await?;
                return Ok((Reply::Held(held), Some(time)));
            }
            return Ok((Reply::Lease, Some(time)));
        }
        match holder_of(wanted) {
            // No flight wrote what stands there, or it never ends: it is no slot of ours.
            None => {
                let name = &names[wanted..=wanted];
                let change = |now: &[Option<Vec<u8>>], _: &[u8]| {
                    (now == &found[wanted..=wanted]).then(|| delete(name))
                };
                watched(target, name, Entries::Ignored, change).await?;
            }
            Some(_) if request.take == Take::Beside && wanted == 0 => wanted = 1,
            // The lease has become free since it was asked for.
            Some(_) if request.take == Take::Beside && held.lease.is_none() => wanted = 0,
            Some(_) => return Ok((Reply::Held(held), Some(time))),
        }
    }
}

/// An entry, and what stands under the names of its two slots.
type Found = (Option<Vec<u8>>, [Option<Vec<u8>>; 2]);

fn three(reply: Value) -> RedisResult<Found> {
    let (entry, lease, hedge) = FromRedisValue::from_redis_value(reply)?;
    Ok((entry, [lease, hedge]))
}

/// The transaction that ends a load. The slots `held` hold its tokens, and its entry begins with `header`.
fn finish(target: Target<'_>, ending: &Ending<'_>, held: &[String], header: &[u8]) -> Pipeline {
    let mut change = transaction();
    let names = [target.key.lease_name(), target.key.hedge_name()];
    let is_held_off = match ending.outcome {
        Outcome::Uncacheable(_) => {
            record::is_valid_value(target.key, target.codec, header, ending.now)
        }
        Outcome::Postpone(_) => record::revision_of(target.key, target.codec, header).is_some(),
        Outcome::Store(_) | Outcome::Release => false,
    };
    if is_held_off {
        // The entry is changed in place, so that it keeps its own time to live.
        let mut put = |position: usize, bytes: [u8; 8]| {
            change.cmd("SETRANGE").arg(target.key.as_str()).arg(position).arg(&bytes[..]).ignore();
        };
        put(REVISION_AT, ending.revision.0.to_be_bytes());
        put(RETRY_AT, ending.retry_at.as_micros().to_be_bytes());
    }
    let emptied = match ending.outcome {
        Outcome::Store(_) | Outcome::Uncacheable(_) => {
            if !is_held_off {
                set(&mut change, target.key.as_str(), &ending.entry, ending.life);
            }
            &names[..]
        }
        Outcome::Postpone(_) | Outcome::Release => held,
    };
    change.cmd("DEL").arg(emptied).ignore();
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
    change: impl Fn(&[String], &[u8]) -> Pipeline,
) -> Answer<bool> {
    let names = [target.key.lease_name(), target.key.hedge_name()];
    watched(target, &names, entries, |found, header| {
        let slots = names.iter().zip(found);
        let held = slots.filter(|(_, value)| holds_any(value.as_deref(), tokens));
        let held: Vec<String> = held.map(|(name, _)| name.clone()).collect();
        (!held.is_empty()).then(|| change(&held, header))
    })
    .await
}

/// Runs the transaction that `change` makes of what stands under the `names` of slots and of the entry's
/// header. If any of these changes before the transaction runs, all of it is read and made again. `false`
/// if `change` makes none.
async fn watched(
    target: Target<'_>,
    names: &[String],
    entries: Entries,
    change: impl Fn(&[Option<Vec<u8>>], &[u8]) -> Option<Pipeline>,
) -> Answer<bool> {
    let mut own = target.link.own.lock().await;
    // The connection is taken out, and put back only when no watch is left: a caller that is dropped half
    // way drops the connection with it.
    let mut connection = match own.take() {
        Some(connection) => connection,
        None => target.dialer.dial().await?,
    };
    let done = loop {
        let mut watch = redis::cmd("WATCH");
        watch.arg(names);
        if entries == Entries::Watched {
            watch.arg(target.key.as_str());
        }
        watch.exec_async(&mut *connection).await?;
        // What is no string is no slot, and `MGET` gives nil for it.
        let mut look = redis::cmd("MGET");
        let found: Vec<_> = look.arg(names).query_async(&mut *connection).await?;
        let header: Vec<u8> = match entries {
            Entries::Ignored => Vec::new(),
            Entries::Watched => {
                let mut look = redis::cmd("GETRANGE");
                look.arg(target.key.as_str()).arg(0).arg(HEADER - 1);
                // What is no string is no entry, and `GETRANGE` fails for it.
                look.query_async(&mut *connection).await.unwrap_or_default()
            }
        };
        let Some(change) = change(&found, &header) else {
            redis::cmd("UNWATCH").exec_async(&mut *connection).await?;
            break false;
        };
        // The reply is nil if a watched key has changed.
        if change.query_async::<Option<Value>>(&mut *connection).await?.is_some() {
            break true;
        }
    };
    *own = Some(connection);
    Ok(done)
}

fn delete(names: &[String]) -> Pipeline {
    let mut change = transaction();
    change.cmd("DEL").arg(names).ignore();
    change
}

fn transaction() -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline
}

fn set(change: &mut Pipeline, name: &str, value: &[u8], life: Duration) {
    change.cmd("SET").arg(name).arg(value).arg("PX").arg(millis(life)).ignore();
}
