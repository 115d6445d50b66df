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

    /// A handle that closes the connection, as long as anybody has it.
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use redis::aio::ConnectionLike as _;
    use redis::{ConnectionAddr, RedisConnectionInfo};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    use super::super::dial::{NodeDialer, Purpose, Role};

    /// How many bytes come next.
    async fn receive(stream: &TcpStream) -> usize {
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut [0; 1024]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read.unwrap(),
            }
        }
    }

    /// The runtime has one thread, so the driver has not run when the command is queued.
    #[tokio::test]
    async fn what_is_queued_on_a_connection_is_not_sent_after_it_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // The client tells its name and its version.
            assert_ne!(receive(&stream).await, 0);
            stream.writable().await.unwrap();
            assert_eq!(stream.try_write(b"+OK\r\n+OK\r\n").unwrap(), 10);
            stream
        });
        let node = NodeDialer {
            address: ConnectionAddr::Tcp("127.0.0.1".to_owned(), port),
            role: Role::Server,
            login: RedisConnectionInfo::default(),
            credentials: None,
            tls: None,
            limit: Duration::from_secs(60),
        };
        let dialed = node.dial(Instant::now(), Purpose::commands()).await.unwrap();
        let stream = accepted.await.unwrap();
        let (mut connection, ping) = (dialed.clone(), redis::cmd("PING"));
        let mut answer = pin!(connection.req_packed_command(&ping));
        let polled = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        dialed.driver().upgrade().unwrap().close();
        assert_eq!(receive(&stream).await, 0, "the end of the connection is all that comes");
        assert!(answer.await.unwrap_err().is_io_error());
    }
}
