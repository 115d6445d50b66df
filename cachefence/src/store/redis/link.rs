//! Connections: one shared and one of its own for transactions, per tokio runtime.
//!
//! A connection's tasks die with the runtime that they run on, while a cache in a static outlives
//! it. So connections belong to a runtime, are made when a call first needs them there, and are let
//! go when the runtime shuts down.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, RedisResult};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

use super::shared::Shared;
use super::together::Together;
use super::watching::Seat;
use crate::error::StoreError;

/// How long an attempt to connect may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many commands may queue for the connection before callers wait for their turn.
const PIPELINE: usize = 1_024;

/// All the connections of one store.
#[derive(Debug)]
pub(super) struct Links {
    client: Client,
    homes: Arc<Mutex<Vec<Home>>>,
    built: AtomicU64,
}

/// The connections that live on one runtime.
#[derive(Debug)]
struct Home {
    number: u64,
    runtime: Id,
    link: Arc<Link>,
    /// Dropped with the home, it ends the task that watches the runtime.
    _watched: oneshot::Sender<()>,
}

/// The connections to use on the current runtime.
pub(super) struct Link {
    /// For everything that is one command, one script or one transaction without a condition.
    pub(super) shared: Shared,
    /// Reads over it.
    pub(super) together: Together,
    /// For those who wait to be woken; made when somebody does.
    pub(super) watching: Arc<Seat>,
    /// For WATCH, which belongs to a connection and not to a caller: used by one at a time.
    pub(super) own: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl Links {
    pub(super) fn new(client: Client) -> Self {
        Self { client, homes: Arc::default(), built: AtomicU64::new(0) }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The link of the current runtime; does no I/O.
    pub(super) fn here(&self) -> Result<Arc<Link>, StoreError> {
        let runtime = Handle::try_current().map_err(|_| {
            StoreError::new("Redis is used outside a tokio runtime; call from inside one")
        })?;
        let mut homes = lock(&self.homes);
        if let Some(home) = homes.iter().find(|home| home.runtime == runtime.id()) {
            return Ok(Arc::clone(&home.link));
        }
        let config = Self::plain().set_pipeline_buffer_size(PIPELINE);
        let shared = Shared::new(self.client.clone(), config);
        let link = Arc::new(Link {
            shared,
            together: Together::new(),
            watching: Arc::default(),
            own: tokio::sync::Mutex::default(),
        });
        let (watched, dropped) = oneshot::channel();
        let number = self.built.fetch_add(1, Ordering::Relaxed);
        let home =
            Home { number, runtime: runtime.id(), link: Arc::clone(&link), _watched: watched };
        homes.push(home);
        drop(homes);
        let leaving = Leaving { homes: Arc::downgrade(&self.homes), number };
        runtime.spawn(async move {
            // Ends with the home, or is dropped with the runtime; either way `leaving` runs.
            let _ = dropped.await;
            drop(leaving);
        });
        Ok(link)
    }

    /// Lets the current runtime's connections go, so that the next call makes new ones.
    pub(super) fn renew(&self) {
        if let Ok(runtime) = Handle::try_current() {
            let gone = take(&self.homes, |home| home.runtime == runtime.id());
            drop(gone); // with the lock released
        }
    }

    /// A connection on which the server tells what has changed of what was read with
    /// `CLIENT CACHING YES` before; `push` takes that in.
    pub(super) async fn connect_for_pushes(
        &self,
        push: impl Fn(&PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let info = self.client.get_connection_info().clone();
        let redis = info.redis_settings().clone();
        let redis = redis.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        let client = Client::open(info.set_redis_settings(redis))?;
        let push = move |info: PushInfo| {
            push(&info);
            Ok::<(), ()>(())
        };
        let config = Self::plain().set_push_sender(push);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("OPTIN");
        tracking.exec_async(&mut connection).await?;
        Ok(connection)
    }

    /// A connection for one caller at a time.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.client.get_multiplexed_async_connection_with_config(&Self::plain()).await
    }

    fn plain() -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
    }
}

/// Takes a home off the list when it is dropped.
struct Leaving {
    homes: Weak<Mutex<Vec<Home>>>,
    number: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(homes) = self.homes.upgrade() {
            let gone = take(&homes, |home| home.number == self.number);
            drop(gone); // with the lock released
        }
    }
}

fn take(homes: &Mutex<Vec<Home>>, which: impl Fn(&Home) -> bool) -> Option<Home> {
    let mut homes = lock(homes);
    let index = homes.iter().position(which)?;
    Some(homes.swap_remove(index))
}

fn lock(homes: &Mutex<Vec<Home>>) -> MutexGuard<'_, Vec<Home>> {
    homes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}
