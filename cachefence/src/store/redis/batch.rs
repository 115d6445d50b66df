//! Reads that come close together go together: one `MGET` for all of them or, to a node of a cluster, their `GET`s at
//! once.
//!
//! Where many reads are under way, most of what a read costs the client and the server is the command
//! itself, to be queued, sent, parsed, answered and handed back. So beyond a few, reads gather until all
//! tasks that can run have run, and then leave as one command. No read waits for another to come back,
//! so this costs no round trip. And a command is sent after all its callers have asked, so none of them
//! is given anything older than its call.
//!
//! Gathering is worth nothing where reads come one by one. And where values are large, all of them have
//! to arrive before the first can be used. In either case the next reads go by themselves again for a
//! while.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::{
    Cmd, ErrorKind, FromRedisValue as _, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::failure::{Answer, Unanswered};
use super::feature::Feature;
use super::lane::Lane;
use super::on_drop::OnDrop;
use crate::sync::lock;
use crate::time::{detach, in_time};

/// How many reads may be under way before others gather.
const MOST_APART: usize = 8;

/// The most reads in one command, because the server does nothing else meanwhile.
const MOST_TOGETHER: usize = 64;

/// How long reads gather at most. If the task that is to send them does not run in this time, the next
/// reader sends them.
const GATHERING: Duration = Duration::from_millis(1);

/// The largest value, in bytes, whose arrival other reads may wait for.
const LARGE: usize = 4 * 1024;

/// How many of the next reads go by themselves after a read that gathered with no other.
const ALONE: usize = 16;

/// How many go by themselves after a large value or a failure, and at first.
const APART: usize = 256;

/// How reads go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    /// As one command for all of their keys.
    OneCommand,
    /// As several commands at once, because a node of a cluster refuses one whose keys are in several slots.
    Pipeline,
}

/// The reads over one lane, and those of them that gather.
pub(super) struct ReadBatch {
    lane: Arc<Lane>,
    under_way: AtomicUsize,
    /// How many of the next reads are not to gather.
    apart: AtomicUsize,
    /// `MGET`, which a server may refuse.
    mget: Feature,
    how: Gathering,
    gathering: Mutex<Option<Batch>>,
}

/// Reads that have not been sent.
struct Batch {
    request: Request,
    /// When the first of the reads was asked for.
    since: Instant,
    /// The readers, in the order of their keys.
    readers: Vec<oneshot::Sender<Reply>>,
}

/// The reads of a batch, as they are sent.
enum Request {
    /// `MGET`.
    OneCommand(Cmd),
    /// A `GET` for each.
    Pipeline(Pipeline),
}

/// The result of one read of a batch.
#[derive(Clone)]
enum Reply {
    Value(Value),
    /// The server gave no usable reply to `MGET`, so the reader asks by itself.
    Refused,
    /// No reply came in time, so the reader's own limit is about to end its wait.
    Late,
    Failed(Unanswered),
}

impl ReadBatch {
    pub(super) fn new(lane: Arc<Lane>, how: Gathering) -> Self {
        // The first reads go by themselves, until it is known how large values are.
        let apart = AtomicUsize::new(APART);
        let (under_way, mget) = (AtomicUsize::new(0), Feature::new());
        Self { lane, under_way, apart, mget, how, gathering: Mutex::default() }
    }

    /// Reads what is at `key`, which was asked for at `asked`. The caller bounds its wait; `limit` is for a
    /// command that goes on without its callers.
    pub(super) fn read(
        self: &Arc<Self>,
        key: &str,
        asked: Instant,
        limit: Duration,
    ) -> impl Future<Output = Answer<Option<Vec<u8>>>> {
        async move {
            let count = &self.under_way;
            count.fetch_add(1, Ordering::Relaxed);
            let _under_way = OnDrop(move || _ = count.fetch_sub(1, Ordering::Relaxed));
            if let Some(member) = self.gather(key, asked, limit) {
                match member.await {
                    // In a pipeline each read has a refusal of its own.
                    Ok(Reply::Value(value)) => {
                        return Ok(Option::from_redis_value(value.extract_error()?)?);
                    }
                    Ok(Reply::Failed(error)) => return Err(error),
                    Ok(Reply::Late) => std::future::pending().await,
                    Ok(Reply::Refused) | Err(_) => {}
                }
            }
            let value = self.lane.send(&get(key)).await?.extract_error()?;
            self.learn(&value);
            Ok(Option::from_redis_value(value)?)
        }
    }

    /// Joins the reads that gather, if gathering is worth it now.
    fn gather(
        self: &Arc<Self>,
        key: &str,
        asked: Instant,
        limit: Duration,
    ) -> Option<oneshot::Receiver<Reply>> {
        if self.under_way.load(Ordering::Relaxed) <= MOST_APART {
            return None;
        }
        let one_less = |apart: usize| apart.checked_sub(1);
        if self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return None;
        }
        if !self.mget.claim() {
            self.next_apart(APART);
            return None;
        }
        let mut gathering = lock(&self.gathering);
        let open = gathering.get_or_insert_with(|| Batch::new(self.how, asked));
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

    /// Has at least `count` of the next reads go by themselves.
    fn next_apart(&self, count: usize) {
        self.apart.fetch_max(count, Ordering::Relaxed);
    }
}

/// The command that reads what is at `key`.
pub(super) fn get(key: &str) -> Cmd {
    let mut get = Cmd::with_capacity(2, "GET".len() + key.len());
    get.arg("GET").arg(key);
    get
}

impl Batch {
    fn new(how: Gathering, since: Instant) -> Self {
        let request = match how {
            Gathering::OneCommand => Request::OneCommand(redis::cmd("MGET")),
            Gathering::Pipeline => {
                let mut gets = redis::pipe();
                gets.ignore_errors();
                Request::Pipeline(gets)
            }
        };
        Self { request, since, readers: Vec::new() }
    }

    fn join(&mut self, key: &str) -> oneshot::Receiver<Reply> {
        match &mut self.request {
            Request::OneCommand(mget) => _ = mget.arg(key),
            Request::Pipeline(gets) => _ = gets.add_command(get(key)),
        }
        let (reader, found) = oneshot::channel();
        self.readers.push(reader);
        found
    }

    /// Sends the command, and gives each reader its value.
    async fn leave(self, reads: &ReadBatch, limit: Duration) {
        let Self { request, readers, .. } = self;
        let (first, others) = match in_time(limit, pin!(request.send(&reads.lane))).await {
            Some(Ok(Ok(Value::Array(values)))) if values.len() == readers.len() => {
                reads.mget.note_works();
                if readers.len() == 1 {
                    reads.next_apart(ALONE);
                }
                for (reader, value) in readers.into_iter().zip(values) {
                    reads.learn(&value);
                    // A reader that is gone needs no value.
                    let _ = reader.send(Reply::Value(value));
                }
                return;
            }
            Some(Ok(Ok(_))) => {
                let what = "the reply to MGET is no list of as many";
                let error = RedisError::from((ErrorKind::UnexpectedReturnType, what));
                let failed = Reply::Failed(error.into());
                // One reader is told, and lets the connection go. If the others were told too, they
                // would let the new connection go.
                (failed, Reply::Refused)
            }
            Some(Ok(Err(error))) => {
                if is_refused(&error) {
                    reads.mget.note_refused();
                }
                (Reply::Refused, Reply::Refused)
            }
            Some(Err(error)) => (Reply::Failed(error.clone()), Reply::Failed(error)),
            None => (Reply::Late, Reply::Late),
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

impl Request {
    /// Sends the reads. The reply is a list with the value of each or, where it is one command, its refusal.
    async fn send(&self, lane: &Arc<Lane>) -> Answer<RedisResult<Value>> {
        match self {
            Self::OneCommand(mget) => Ok(lane.send(mget).await?.extract_error()),
            Self::Pipeline(gets) => Ok(Ok(Value::Array(lane.send_all(gets).await?))),
        }
    }
}

/// Whether the server will never answer such an `MGET`.
fn is_refused(error: &RedisError) -> bool {
    use ServerErrorKind::{CrossSlot, NoPerm, ResponseError};
    matches!(error.kind(), ErrorKind::Server(CrossSlot | NoPerm | ResponseError))
}

/// The task that is to send the reads that gather. If it is dropped before that, because the runtime
/// ends, each reader reads by itself.
struct Sender(Option<Arc<ReadBatch>>);

impl Sender {
    async fn send(mut self, limit: Duration) {
        // Every task that can run now may have something to read, so they all run first.
        yield_now().await;
        let Some(reads) = self.0.take() else { return };
        // The batch that this task was started for or, if that has left already, a later one.
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
