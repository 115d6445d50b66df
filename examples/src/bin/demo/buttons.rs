//! What each button does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request};
use cachefence_examples::BoxError;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;

use crate::REGION;
use crate::board::{Board, Kind};
use crate::fleet::Fleet;
use crate::redis::OwnRedis;
use crate::trouble::Switches;

/// How long a load may take to begin after the value has expired.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that a button changes.
pub(crate) struct Controls {
    pub(crate) board: Arc<Board>,
    fleet: Fleet,
    redis: Mutex<Option<OwnRedis>>,
    switches: std::sync::Mutex<Switches>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Controls {
    pub(crate) fn new(
        board: Arc<Board>,
        fleet: Fleet,
        redis: Option<OwnRedis>,
        switches: Switches,
    ) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (redis, switches) = (Mutex::new(redis), std::sync::Mutex::new(switches));
        Self { board, fleet, redis, switches, client }
    }

    /// Ends the ttl of the value.
    pub(crate) async fn expire(&self) -> Result<String, BoxError> {
        self.tell_workers("expire").await?;
        self.board.happened(Kind::Expire, "The value expired, on both sides.");
        Ok("The value expired on both sides. The naive side queries for each visitor, cachefence once.".to_owned())
    }

    /// Changes the data, and says so to the cache.
    pub(crate) async fn invalidate(&self) -> Result<String, BoxError> {
        let orders = self.switch(|switches| switches.add_order(REGION))?;
        self.tell_workers("invalidate").await?;
        // Only now: who asked before may be told of the old order book.
        self.board.set_orders(orders);
        self.board.happened(Kind::Invalidate, "An order came in, and the value was invalidated.");
        Ok(format!("Order {orders} came in, and the value was invalidated on both sides."))
    }

    /// Kills the process that loads the value, after making it load if need be.
    pub(crate) async fn kill_leader(&self) -> Result<String, BoxError> {
        let mut leader = self.board.leader();
        let leads = leader.borrow_and_update().is_some();
        if !leads {
            self.tell_workers("expire").await?;
        }
        let begins = leader.wait_for(Option::is_some);
        let slot = match tokio::time::timeout(PATIENCE, begins).await {
            Ok(slot) => slot?.ok_or("nobody leads")?,
            Err(_) => return Err("No load began, so nobody led.".into()),
        };
        let pid = self.board.pid(slot).ok_or("The leader is gone already.")?;
        self.fleet.kill(slot).await;
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
    pub(crate) async fn redis(&self) -> Result<String, BoxError> {
        let mut redis = self.redis.lock().await;
        let redis = redis.as_mut().ok_or("There is no Redis of the demo's own.")?;
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

    pub(crate) fn slow(&self) -> Result<String, BoxError> {
        let slow = !self.board.buttons().slow.on;
        self.switch(|switches| switches.set_slow(slow))?;
        self.board.set_database(|database| database.slow = slow);
        let (kind, said) = if slow {
            (Kind::SlowOn, "Each query now takes 1.5 s longer.")
        } else {
            (Kind::SlowOff, "The database is as fast as before.")
        };
        self.board.happened(kind, said);
        Ok(said.to_owned())
    }

    pub(crate) fn failing(&self) -> Result<String, BoxError> {
        let failing = !self.board.buttons().failing.on;
        self.switch(|switches| switches.set_failing(failing))?;
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
        // Whoever holds the lock tells the board.
        if let Ok(mut redis) = self.redis.try_lock()
            && let Some(redis) = redis.as_mut()
        {
            self.board.set_redis_up(redis.is_up());
        }
    }

    fn switch<T>(
        &self,
        change: impl FnOnce(&Switches) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        change(&self.switches.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Tells one worker, since all share a Redis; in memory, each.
    async fn tell_workers(&self, what: &str) -> Result<(), BoxError> {
        let ports = self.board.ports();
        let told = if self.board.is_memory() { ports.len() } else { 1 };
        if ports.is_empty() {
            return Err("No worker runs right now.".into());
        }
        for port in &ports[..told] {
            let uri = format!("http://127.0.0.1:{port}/{what}");
            let request = Request::builder().method(Method::POST).uri(uri).body(Empty::new())?;
            let response = self.client.request(request).await?;
            if !response.status().is_success() {
                return Err("The cache could not be reached.".into());
            }
        }
        Ok(())
    }
}
