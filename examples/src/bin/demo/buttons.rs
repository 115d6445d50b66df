//! What each button does.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use cachefence_examples::BoxError;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::REGION;
use crate::board::{Board, Kind};
use crate::client::Client;
use crate::fleet::Fleet;
use crate::redis::OwnRedis;
use crate::trouble::{Troubles, pause};

/// How long a load may take to begin after the value has expired.
const LOAD_LIMIT: Duration = Duration::from_secs(5);

/// How long a worker may take to do what a button asks for.
const WORKER_LIMIT: Duration = Duration::from_secs(5);

/// The name of a button, as the page sends it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Press {
    Expire,
    Invalidate,
    KillLeader,
    Redis,
    Slow,
    Failing,
}

/// Everything that a button changes.
pub(crate) struct Controls {
    pub(crate) board: Arc<Board>,
    fleet: Fleet,
    client: Client,
    troubles: Troubles,
    /// Held while a button acts, so that one acts at a time.
    redis: Mutex<Option<OwnRedis>>,
}

impl Controls {
    pub(crate) fn new(
        board: Arc<Board>,
        fleet: Fleet,
        redis: Option<OwnRedis>,
        troubles: Troubles,
        client: Client,
    ) -> Self {
        Self { board, fleet, client, troubles, redis: Mutex::new(redis) }
    }

    /// Does what the button is for, and says what was done. Runs in a task of its own, because the future of a request is
    /// dropped when the browser leaves, and a button must not stop halfway.
    pub(crate) async fn press(self: Arc<Self>, press: Press) -> Result<String, BoxError> {
        tokio::spawn(async move {
            let mut redis = self.redis.lock().await;
            let why = self.board.buttons().of(press).why;
            if !why.is_empty() {
                return Err(why.into());
            }
            match press {
                Press::Expire => self.expire().await,
                Press::Invalidate => self.invalidate().await,
                Press::KillLeader => self.kill_leader().await,
                Press::Redis => self.redis(redis.as_mut()).await,
                Press::Slow => self.slow().await,
                Press::Failing => self.failing().await,
            }
        })
        .await?
    }

    /// Ends the ttl of the value.
    async fn expire(&self) -> Result<String, BoxError> {
        self.tell_workers("expire").await?;
        self.board.happened(Kind::Expire, "The value expired, on both sides.");
        Ok("The value expired on both sides. The naive side queries for each visitor, cachefence once.".to_owned())
    }

    /// Changes the data, and says so to the cache.
    async fn invalidate(&self) -> Result<String, BoxError> {
        let orders = self.troubles.add_order(REGION).await?;
        self.tell_workers("invalidate").await?;
        // Only now: a visitor who asked before may be told of the old order book.
        self.board.set_expected_orders(orders);
        self.board.happened(Kind::Invalidate, "An order came in, and the value was invalidated.");
        Ok(format!("Order {orders} came in, and the value was invalidated on both sides."))
    }

    /// Kills the process that loads the value, after making it load if need be.
    async fn kill_leader(&self) -> Result<String, BoxError> {
        let mut leader = self.board.leader();
        let now = *leader.borrow_and_update();
        let leading = if let Some(leading) = now {
            leading
        } else {
            self.tell_workers("expire").await?;
            let begins = leader.wait_for(Option::is_some);
            let begun = tokio::time::timeout(LOAD_LIMIT, begins).await;
            begun.map_err(|_| "No load began, so nobody led.")??.ok_or("Nobody leads.")?
        };
        let pid = leading.pid;
        if !self.fleet.kill(leading.slot, pid).await {
            return Err("The leader is gone already.".into());
        }
        self.board.happened(Kind::Kill, format!("Process {pid} was killed while it led."));
        Ok(if self.board.is_memory() {
            format!(
                "Process {pid} was killed while it loaded the value. Its memory is gone with it."
            )
        } else {
            format!(
                "Process {pid} was killed while it loaded the value. Its lease ends within 1 s; then the other loads."
            )
        })
    }

    /// Stops Redis, or starts it again.
    async fn redis(&self, redis: Option<&mut OwnRedis>) -> Result<String, BoxError> {
        let redis = redis.ok_or("There is no Redis of the demo's own.")?;
        if redis.is_up() {
            redis.stop().await;
            self.board.set_redis_up(false);
            self.board.happened(Kind::RedisStop, "Redis was stopped.");
            return Ok("Redis is stopped. With cachefence, each process runs one query at a time."
                .to_owned());
        }
        redis.resume().await?;
        self.board.set_redis_up(true);
        self.board.happened(Kind::RedisStart, "Redis was started, empty.");
        Ok("Redis runs again, and is empty.".to_owned())
    }

    async fn slow(&self) -> Result<String, BoxError> {
        let slow = !self.board.buttons().slow.on;
        self.troubles.set_slow(slow).await?;
        self.board.set_database(|database| {
            (database.slow, database.pause_ms) = (slow, pause(slow).as_millis());
        });
        let (kind, said) = if slow {
            (Kind::SlowOn, "Each query now takes 1.5 s longer.")
        } else {
            (Kind::SlowOff, "The database is as fast as before.")
        };
        self.board.happened(kind, said);
        Ok(said.to_owned())
    }

    async fn failing(&self) -> Result<String, BoxError> {
        let failing = !self.board.buttons().failing.on;
        self.troubles.set_failing(failing).await?;
        self.board.set_database(|database| database.failing = failing);
        let (kind, said) = if failing {
            (Kind::FailingOn, "Each query now fails.")
        } else {
            (Kind::FailingOff, "Queries succeed again.")
        };
        self.board.happened(kind, said);
        Ok(said.to_owned())
    }

    /// Ends the workers, and the Redis of the demo's own.
    pub(crate) async fn end(&self) {
        self.fleet.end().await;
        if let Some(redis) = self.redis.lock().await.as_mut() {
            redis.stop().await;
        }
    }

    /// Notices a Redis that ended by itself.
    pub(crate) fn look_after_redis(&self) {
        // While a button acts, the next look is soon enough.
        if let Ok(mut redis) = self.redis.try_lock()
            && let Some(redis) = redis.as_mut()
        {
            self.board.set_redis_up(redis.is_up());
        }
    }

    /// Tells one worker, since all share a Redis; in memory, each.
    async fn tell_workers(&self, what: &str) -> Result<(), BoxError> {
        let ports = self.board.ports();
        let told = if self.board.is_memory() { ports.len() } else { 1 };
        if ports.is_empty() {
            return Err("No worker runs right now.".into());
        }
        for port in &ports[..told] {
            let asked = self.client.ask(Method::POST, *port, what);
            match tokio::time::timeout(WORKER_LIMIT, asked).await {
                Ok(Ok((status, _))) if status.is_success() => {}
                Ok(Ok(_)) => return Err("The cache could not be reached.".into()),
                Ok(Err(_)) => return Err("A worker process could not be reached.".into()),
                Err(_) => return Err("A worker process did not answer in time.".into()),
            }
        }
        Ok(())
    }
}
