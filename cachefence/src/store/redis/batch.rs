//! Reads that come close together go together: one `MGET` for all of them.
//!
//! With many reads under way, what each takes the client and the server is mostly the same for each: a
//! command to be queued, sent, parsed, answered and handed back. So beyond a few, reads gather until all
//! tasks that can run have run, and then leave as one command. None waits for another to come back, so
//! this costs no round trip; and it is what came before it was sent that a command reads.
//!
//! It is worth nothing where the reads turn out to come one by one, and values that are large would all
//! have to arrive before the first can be used: then the next reads go by themselves again for a while.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue as _, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::connection::Connection;
use crate::time::{detach, in_time, in_time_from};

/// So many reads go by themselves before others gather.
const MOST_APART: usize = 8;

/// The most reads in one command: a server does nothing else meanwhile.
const MOST_TOGETHER: usize = 64;

/// How long reads gather at the most: on a thread that does not come back to them, others send them.
const GATHERING: Duration = Duration::from_millis(1);

/// The largest entry that may keep others waiting until all of it is there, in bytes.
const LARGE: usize = 4 * 1024;

/// How many of the next reads go by themselves after one that gathered with no other.
const ALONE: usize = 16;

/// The same, after a large entry, or none at all.
const APART: usize = 256;

/// The same, after a server that has refused the command.
const REFUSED: usize = 10_000;

pub(super) struct ReadBatch {
    connection: Connection,
    under_way: AtomicUsize,
    /// How many of the next reads are not to gather.
    apart: AtomicUsize,
    gathering: Mutex<Option<Batch>>,
}

/// Reads that have not been sent.
struct Batch {
    command: Cmd,
    /// When the first of them was asked for.
    since: Instant,
    /// In the order of the keys.
    readers: Vec<oneshot::Sender<Found>>,
}

/// What one of them comes to.
#[derive(Clone)]
enum Found {
    Value(Value),
    /// The server does not read this way.
    Refused,
    /// Nothing in time.
    Late,
    Failed(RedisError),
}

impl ReadBatch {
    pub(super) fn new(connection: Connection) -> Self {
        // Until it is known how large values are.
        let apart = AtomicUsize::new(APART);
        Self { connection, under_way: AtomicUsize::new(0), apart, gathering: Mutex::default() }
    }

    /// Reads what is at `key`; `None` if that takes longer than `limit` from `asked` on.
    pub(super) async fn read(
        self: &Arc<Self>,
        key: &str,
        asked: Instant,
        limit: Duration,
    ) -> Option<RedisResult<Option<Vec<u8>>>> {
        let _under_way = UnderWay::one_more(&self.under_way);
        if let Some(member) = self.gather(key, asked, limit) {
            match in_time_from(asked, limit, pin!(member)).await {
                Some(Ok(Found::Value(value))) => {
                    return Some(Option::from_redis_value(value).map_err(Into::into));
                }
                Some(Ok(Found::Failed(error))) => return Some(Err(error)),
                Some(Ok(Found::Late)) | None => return None,
                Some(Ok(Found::Refused) | Err(_)) => {}
            }
        }
        let get = async {
            let mut get = Cmd::with_capacity(2, "GET".len() + key.len());
            get.arg("GET").arg(key);
            let value = self.connection.send(&get).await?.extract_error()?;
            self.learn(&value);
            Ok(Option::from_redis_value(value)?)
        };
        in_time_from(asked, limit, pin!(get)).await
    }

    /// Joins those that gather, if that is worth it now.
    fn gather(
        self: &Arc<Self>,
        key: &str,
        asked: Instant,
        limit: Duration,
    ) -> Option<oneshot::Receiver<Found>> {
        if self.under_way.load(Ordering::Relaxed) <= MOST_APART {
            return None;
        }
        let one_less = |apart: usize| apart.checked_sub(1);
        if self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return None;
        }
        let mut gathering = lock(&self.gathering);
        let open = gathering.get_or_insert_with(|| Batch::new(asked));
        let found = open.join(key);
        let is_first = open.readers.len() == 1;
        let is_late = asked.saturating_duration_since(open.since) > GATHERING;
        let leaves = is_late || open.readers.len() == MOST_TOGETHER;
        let leaving = if leaves { gathering.take() } else { None };
        drop(gathering);
        if let Some(leaving) = leaving {
            let reads = Arc::clone(self);
            detach(async move { leaving.leave(&reads, limit).await });
        } else if is_first {
            detach(Sender(Some(Arc::clone(self))).send(limit));
        }
        Some(found)
    }

    fn learn(&self, value: &Value) {
        if matches!(value, Value::BulkString(bytes) if bytes.len() > LARGE) {
            self.next_apart(APART);
        }
    }

    /// Has so many of the next reads go by themselves, if not more already.
    fn next_apart(&self, count: usize) {
        self.apart.fetch_max(count, Ordering::Relaxed);
    }
}

impl Batch {
    fn new(since: Instant) -> Self {
        let mut command = Cmd::new();
        command.arg("MGET");
        Self { command, since, readers: Vec::new() }
    }

    fn join(&mut self, key: &str) -> oneshot::Receiver<Found> {
        self.command.arg(key);
        let (reader, found) = oneshot::channel();
        self.readers.push(reader);
        found
    }

    /// Reads for all.
    async fn leave(self, reads: &ReadBatch, limit: Duration) {
        let Self { command, readers, .. } = self;
        let reply = in_time(limit, pin!(reads.connection.send(&command))).await;
        let (first, others) = match reply.map(|reply| reply.map(Value::extract_error)) {
            Some(Ok(Ok(Value::Array(values)))) if values.len() == readers.len() => {
                if readers.len() == 1 {
                    reads.next_apart(ALONE);
                }
                for (reader, value) in readers.into_iter().zip(values) {
                    reads.learn(&value);
                    // Who is gone wants nothing.
                    let _ = reader.send(Found::Value(value));
                }
                return;
            }
            Some(Ok(Ok(_))) => {
                let what = "the reply to MGET is no list of as many";
                let failed = Found::Failed((ErrorKind::UnexpectedReturnType, what).into());
                // It is told once: by the others, a connection would be let go that is new.
                (failed, Found::Refused)
            }
            Some(Ok(Err(error))) => {
                if is_refused(&error) {
                    reads.next_apart(REFUSED);
                }
                (Found::Refused, Found::Refused)
            }
            Some(Err(error)) => (Found::Failed(error.clone()), Found::Failed(error)),
            None => (Found::Late, Found::Late),
        };
        reads.next_apart(APART);
        let mut readers = readers.into_iter();
        if let Some(reader) = readers.next() {
            let _ = reader.send(first);
        }
        for reader in readers {
            let _ = reader.send(others.clone());
        }
    }
}

/// Whether the server will never read this way.
fn is_refused(error: &RedisError) -> bool {
    use ServerErrorKind::{CrossSlot, NoPerm, ResponseError};
    matches!(error.kind(), ErrorKind::Server(CrossSlot | NoPerm | ResponseError))
}

/// The task that is to send what gathers. Dropped before it has, as the runtime ends, it leaves each to
/// read for itself.
struct Sender(Option<Arc<ReadBatch>>);

impl Sender {
    async fn send(mut self, limit: Duration) {
        // All that can run now may have something to read.
        yield_now().await;
        let Some(reads) = self.0.take() else { return };
        // Its own, or those that came after, if it has left.
        let gathering = lock(&reads.gathering).take();
        if let Some(gathering) = gathering {
            gathering.leave(&reads, limit).await;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(reads) = self.0.take() {
            let left = lock(&reads.gathering).take();
            drop(left); // with the lock released
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
