//! Links: the connections of a store, one link per tokio runtime and node.
//!
//! A connection's tasks die with the runtime that they run on, while a cache in a static outlives it.
//! So a link belongs to a runtime. Its connections are made when a call first needs them there, and
//! let go when the runtime shuts down.

use std::sync::{Arc, Mutex};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;

use super::batch::ReadBatch;
use super::connection::{Connection, plain_config};
use super::on_drop::OnDrop;
use super::tracking::Tracking;
use crate::error::StoreError;
use crate::sync::lock;

/// All the connections of one store.
pub(super) struct Links {
    client: Client,
    links: Arc<Mutex<Vec<RuntimeLink>>>,
}

/// The link of one place.
struct RuntimeLink {
    place: Place,
    link: Arc<Link>,
    /// Ends the task that watches the runtime, when it is dropped with this link.
    _watched: oneshot::Sender<()>,
}

/// Which connections a call needs: those of its runtime to the node that holds its key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    runtime: Id,
    node: Node,
}

/// A server of a store. There is one, which holds all keys.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node;

/// The connections to use at one place.
pub(super) struct Link {
    /// For everything that is one command, one script or one transaction without a condition.
    pub(super) shared: Connection,
    /// The reads over the shared connection.
    pub(super) reads: Arc<ReadBatch>,
    /// For waiters that are to be woken; made when a caller first waits.
    pub(super) tracking: Arc<Tracking>,
    /// For `WATCH`, which belongs to a connection and not to a caller: one caller at a time uses it.
    pub(super) own: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl Links {
    pub(super) fn new(client: Client) -> Self {
        Self { client, links: Arc::default() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The link of the current runtime; does no I/O.
    pub(super) fn here(&self) -> Result<Arc<Link>, StoreError> {
        let runtime = Handle::try_current().map_err(|_| {
            StoreError::new("Redis is used outside a tokio runtime; call from inside one")
        })?;
        let place = Place { runtime: runtime.id(), node: Node };
        let mut links = lock(&self.links);
        if let Some(here) = links.iter().find(|one| one.place == place) {
            return Ok(Arc::clone(&here.link));
        }
        let shared = Connection::new(self.client.clone());
        let link = Arc::new(Link {
            reads: Arc::new(ReadBatch::new(shared.clone())),
            shared,
            tracking: Arc::default(),
            own: tokio::sync::Mutex::default(),
        });
        let (watched, dropped) = oneshot::channel();
        links.push(RuntimeLink { place, link: Arc::clone(&link), _watched: watched });
        drop(links);
        // A weak handle keeps the link's address from being used by a later link.
        let (links, weak) = (Arc::downgrade(&self.links), Arc::downgrade(&link));
        let leave = OnDrop(move || {
            if let Some(links) = links.upgrade() {
                let gone = take(&links, |one| Arc::as_ptr(&one.link) == weak.as_ptr());
                drop(gone); // with the lock released
            }
        });
        runtime.spawn(async move {
            // The task ends with the `RuntimeLink`, or is dropped with the runtime. Either way `leave` is
            // dropped.
            let _ = dropped.await;
            drop(leave);
        });
        Ok(link)
    }

    /// Lets the current runtime's connections go, so that the next call makes new ones.
    pub(super) fn renew(&self) {
        if let Ok(runtime) = Handle::try_current() {
            let place = Place { runtime: runtime.id(), node: Node };
            let gone = take(&self.links, |one| one.place == place);
            drop(gone); // with the lock released
        }
    }

    /// A connection for one caller at a time.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.client.get_multiplexed_async_connection_with_config(&plain_config()).await
    }
}

fn take(
    links: &Mutex<Vec<RuntimeLink>>,
    which: impl Fn(&RuntimeLink) -> bool,
) -> Option<RuntimeLink> {
    let mut links = lock(links);
    let index = links.iter().position(which)?;
    Some(links.swap_remove(index))
}
