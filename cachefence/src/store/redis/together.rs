//! Reads that come close together go together: one `MGET` for all of them.
//!
//! With many reads under way, what each takes the client and the server is mostly the same for each: a
//! command to be queued, sent, parsed, answered and handed back. So beyond a few, reads gather until all
//! tasks that can run have run, and then leave as one command. None waits for another to come back, so
//! this costs no round trip; and it is what came before it was sent that a command reads.
//!
//! It is worth nothing where the reads turn out to come one by one, and values that are large would all
//! have to arrive before the first can be used: then the next reads go by themselves again for a while.

use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue as _, RedisError, RedisResult, Value};
use tokio::task::yield_now;

use super::link::Link;
use crate::time::{detach, in_time};

/// So many reads go by themselves before others gather.
const MOST_APART: usize = 8;

/// The most reads in one command: a server does nothing else meanwhile.
const MOST_TOGETHER: usize = 64;

/// The largest entry that may keep others waiting until all of it is there, in bytes.
const LARGE: usize = 4 * 1024;

/// How many of the next reads go by themselves where gathering was of no use.
const APART: usize = 256;

/// The same, after a server that has refused the command.
const REFUSED: usize = 10_000;

pub(super) struct Together {
    under_way: AtomicUsize,
    /// How many of the next reads are not to gather.
    apart: AtomicUsize,
    gathering: Mutex<Option<Gathering>>,
}

/// Reads that have not been sent.
struct Gathering {
    command: Cmd,
    batch: Arc<Batch>,
    count: usize,
}

/// Reads that go together, and what they find.
#[derive(Default)]
struct Batch(Mutex<State>);

#[derive(Default)]
struct State {
    /// In the order of the keys.
    waiting: Vec<Option<Waker>>,
    found: Option<Found>,
}

enum Found {
    /// In the order of the keys.
    Values(Vec<Value>),
    /// Not by this command.
    Refused,
    Failed(RedisError),
}

/// Reads what is at `key`, within `limit` if it goes together with others.
pub(super) async fn read(
    link: &Arc<Link>,
    key: &str,
    limit: Duration,
) -> RedisResult<Option<Vec<u8>>> {
    let together = &link.together;
    let _under_way = UnderWay::one_more(&together.under_way);
    if let Some(member) = together.gather(link, key, limit)
        && let Some(found) = member.await
    {
        return Ok(Option::from_redis_value(found?)?);
    }
    let mut get = Cmd::with_capacity(2, "GET".len() + key.len());
    get.arg("GET").arg(key);
    let reply = link.shared.send(&get).await?.extract_error()?;
    together.learn(&reply);
    Ok(Option::from_redis_value(reply)?)
}

impl Together {
    pub(super) fn new() -> Self {
        // Until it is known how large values are.
        Self {
            under_way: AtomicUsize::new(0),
            apart: AtomicUsize::new(APART),
            gathering: Mutex::default(),
        }
    }

    /// Joins those that gather, if that is worth it now.
    fn gather(&self, link: &Arc<Link>, key: &str, limit: Duration) -> Option<Member> {
        if self.under_way.load(Ordering::Relaxed) <= MOST_APART {
            return None;
        }
        let one_less = |apart: usize| apart.checked_sub(1);
        if self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return None;
        }
        let mut gathering = lock(&self.gathering);
        let open = gathering.get_or_insert_with(Gathering::new);
        let member = open.join(key);
        let full = if open.count == MOST_TOGETHER { gathering.take() } else { None };
        drop(gathering);
        let link = Arc::clone(link);
        if let Some(full) = full {
            detach(async move { full.leave(&link, limit).await });
        } else if member.place == 0 {
            detach(async move {
                // All that can run now may have something to read.
                yield_now().await;
                // Its own, or those that came after, if it was full.
                let gathering = lock(&link.together.gathering).take();
                if let Some(gathering) = gathering {
                    gathering.leave(&link, limit).await;
                }
            });
        }
        Some(member)
    }

    fn learn(&self, value: &Value) {
        if matches!(value, Value::BulkString(bytes) if bytes.len() > LARGE) {
            self.apart.store(APART, Ordering::Relaxed);
        }
    }
}

impl Gathering {
    fn new() -> Self {
        let mut command = Cmd::new();
        command.arg("MGET");
        Self { command, batch: Arc::default(), count: 0 }
    }

    fn join(&mut self, key: &str) -> Member {
        self.command.arg(key);
        let place = self.count;
        self.count += 1;
        Member { batch: Arc::clone(&self.batch), place }
    }

    async fn leave(self, link: &Link, limit: Duration) {
        let Self { command, batch, count } = self;
        let landing = Landing(batch);
        let reply = in_time(limit, pin!(link.shared.send(&command))).await;
        let found = match reply {
            Some(Ok(reply)) => match reply.extract_error() {
                Ok(Value::Array(values)) if values.len() == count => Found::Values(values),
                Ok(_) => {
                    let what = "the reply to MGET is no list of as many";
                    Found::Failed((ErrorKind::UnexpectedReturnType, what).into())
                }
                Err(_) => Found::Refused,
            },
            Some(Err(error)) => Found::Failed(error),
            None => Found::Failed(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        let together = &link.together;
        match &found {
            Found::Values(values) => {
                values.iter().for_each(|value| together.learn(value));
                if count == 1 {
                    together.apart.store(APART, Ordering::Relaxed);
                }
            }
            Found::Refused => together.apart.store(REFUSED, Ordering::Relaxed),
            Found::Failed(_) => together.apart.store(APART, Ordering::Relaxed),
        }
        landing.0.land(found);
    }
}

impl Batch {
    fn land(&self, found: Found) {
        let mut state = lock(&self.0);
        if state.found.is_some() {
            return;
        }
        state.found = Some(found);
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        for waker in waiting.into_iter().flatten() {
            waker.wake();
        }
    }
}

/// Dropped with its task, it tells those who wait.
struct Landing(Arc<Batch>);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.land(Found::Failed((ErrorKind::Io, "the read ended early").into()));
    }
}

/// One of the reads that go together: what it found, or `None` if it has to go by itself.
#[must_use = "futures do nothing unless polled"]
struct Member {
    batch: Arc<Batch>,
    place: usize,
}

impl Future for Member {
    type Output = Option<RedisResult<Value>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.batch.0);
        let State { waiting, found } = &mut *state;
        match found {
            Some(Found::Values(values)) => Poll::Ready(
                values.get_mut(self.place).map(|value| Ok(mem::replace(value, Value::Nil))),
            ),
            Some(Found::Refused) => Poll::Ready(None),
            Some(Found::Failed(error)) => Poll::Ready(Some(Err(error.clone()))),
            None => {
                if waiting.len() <= self.place {
                    waiting.resize(self.place + 1, None);
                }
                waiting[self.place] = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Counts a read until it is over.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
