//! Streams: the bytes to a server and from it, over TCP, TLS or a socket on this machine.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one address of a name is given before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection's bytes.
pub(super) enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Socket>>),
}

/// The socket below a connection.
pub(super) struct Socket {
    wire: Wire,
    received: Arc<Received>,
}

enum Wire {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// The bytes that have arrived on a socket, and whether anything may still be sent.
#[derive(Default)]
pub(super) struct Received {
    bytes: AtomicU64,
    first: AtomicU8,
    is_closed: AtomicBool,
}

impl Received {
    /// How many bytes have arrived, of TLS as of anything else.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The first byte that arrived, which tells the protocol; `None` if there was none.
    pub(super) fn first(&self) -> Option<u8> {
        (self.bytes() > 0).then(|| self.first.load(Ordering::Relaxed))
    }

    /// Has nothing more be sent.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    fn add(&self, bytes: &[u8]) {
        let Some(first) = bytes.first() else { return };
        let before = self.bytes();
        if before == 0 {
            self.first.store(*first, Ordering::Relaxed);
        }
        // One task reads a socket, so nothing is added between the load and the store.
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes.store(before.saturating_add(added), Ordering::Relaxed);
    }
}

impl Socket {
    /// Connects to `server`, by whichever of its addresses answers first.
    pub(super) async fn connect(server: &ConnectionAddr) -> io::Result<Self> {
        let wire = match server {
            ConnectionAddr::Tcp(host, port) => {
                let stream = connect_to_any(host, *port).await?;
                // Each command is a small write that waits for its reply, which Nagle's algorithm would hold back.
                stream.set_nodelay(true)?;
                Wire::Tcp(stream)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => Wire::Unix(tokio::net::UnixStream::connect(path).await?),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Self { wire, received: Arc::default() })
    }

    pub(super) fn received(&self) -> Arc<Received> {
        Arc::clone(&self.received)
    }

    /// The wire, unless nothing more is to be sent.
    fn open(&mut self) -> io::Result<&mut Wire> {
        if self.received.is_closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(&mut self.wire)
    }
}

/// Tries all addresses of `host`, each beside the one before it once that has failed or taken its time.
async fn connect_to_any(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    let mut addresses = addresses.into_iter();
    let mut attempts = JoinSet::new(); // the attempts that are left end when it is dropped
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match addresses.next() {
            Some(address) => drop(attempts.spawn(TcpStream::connect(address))),
            None if attempts.is_empty() => return Err(failed),
            None => {}
        }
        let ended = if addresses.len() > 0 {
            let Ok(ended) = timeout(HEAD_START, attempts.join_next()).await else { continue };
            ended
        } else {
            attempts.join_next().await
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failed = error,
            Some(Err(_)) | None => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { wire, received } = self.get_mut();
        let before = buffer.filled().len();
        let polled = match wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Wire::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        received.add(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

/// Passes the three functions of `AsyncWrite` on to the stream in each variant.
macro_rules! pass_writes_on {
    ($type:ty, $this:ident => $inner:expr, $($(#[$cfg:meta])* $variant:path),+) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                match $inner {
                    $($(#[$cfg])* $variant(stream) => Pin::new(stream).poll_write(cx, bytes),)+
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                match $inner {
                    $($(#[$cfg])* $variant(stream) => Pin::new(stream).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                match $inner {
                    $($(#[$cfg])* $variant(stream) => Pin::new(stream).poll_shutdown(cx),)+
                }
            }
        }
    };
}

pass_writes_on!(Socket, this => this.open()?, Wire::Tcp, #[cfg(unix)] Wire::Unix);
pass_writes_on!(Stream, this => this, Stream::Plain, #[cfg(feature = "tls")] Stream::Tls);
