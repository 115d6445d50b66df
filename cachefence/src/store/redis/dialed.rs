//! A connection that was made, and its end.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};

use redis::aio::MultiplexedConnection;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::stream::Received;

/// A connection that was made. Clones share it, and it ends with the last of them.
#[derive(Clone)]
pub(super) struct Dialed {
    connection: MultiplexedConnection,
    driver: Arc<Driver>,
}

/// The task that moves a connection's bytes. It ends when this is dropped, because on its own it would wait for ever
/// for replies that the other end of a half-open connection will not send.
pub(super) struct Driver {
    task: AbortHandle,
    received: Arc<Received>,
    /// The password that the connection has logged in with.
    password: String,
}

impl Driver {
    /// Ends the connection for all who share it: nothing more is sent, not even what is queued.
    pub(super) fn close(&self) {
        // The task may be sending at this moment, on another thread, and would go on to the end of its turn.
        self.received.close();
        self.task.abort();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dialed {
    /// The `connection`, whose bytes are moved by `driver` on `runtime`.
    pub(super) fn new(
        (connection, driver): (MultiplexedConnection, impl Future<Output = ()> + Send + 'static),
        runtime: &Handle,
        received: Arc<Received>,
        password: &str,
    ) -> Self {
        let task = runtime.spawn(driver).abort_handle();
        let driver = Arc::new(Driver { task, received, password: password.to_owned() });
        Self { connection, driver }
    }

    /// What ends the connection, as long as anybody has it.
    pub(super) fn driver(&self) -> Weak<Driver> {
        Arc::downgrade(&self.driver)
    }

    /// The password of this connection's login. No error may show a text of the server that holds the password.
    pub(super) fn password(&self) -> &str {
        &self.driver.password
    }

    /// How many bytes have arrived on this connection, those of its login and of TLS included.
    pub(super) fn received(&self) -> u64 {
        self.driver.received.bytes()
    }
}

impl Deref for Dialed {
    type Target = MultiplexedConnection;

    fn deref(&self) -> &MultiplexedConnection {
        &self.connection
    }
}

impl DerefMut for Dialed {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.connection
    }
}
