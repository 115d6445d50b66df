//! The pump: carries the bytes of one connection through the proxy, both ways.

use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Fault, Shared, resp, take_one};

/// The way back to the client, on which the proxy itself may answer.
type Client = Arc<Mutex<OwnedWriteHalf>>;

pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        // Before the connection is counted: a test that sees it may have the next one lead elsewhere.
        let port = shared.server.load(Ordering::SeqCst);
        let number = shared.note_connection();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut served = pin!(serve(client, port, &shared));
            tokio::select! {
                biased;
                // Both ends stay open, and what they send is not read.
                () = is_silent(&shared, number) => pending().await,
                // An end that is gone closes the other one.
                _ = &mut served => {}
            }
        });
    }
}

/// Waits until the connection of this number is to be silent.
async fn is_silent(shared: &Shared, number: usize) {
    let mut silent = shared.silent.subscribe();
    let _ = silent.wait_for(|silent| number < *silent).await;
}

async fn serve(client: TcpStream, port: u16, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut fault = shared.fault.subscribe();
    if *fault.borrow_and_update() == Fault::Reset {
        return reset(&client);
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    server.set_nodelay(true)?;
    // Kept aside to be reset, whatever the two directions do.
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let client_out = Arc::new(Mutex::new(client_out));
    // Whether the next reply is lost with this connection.
    let is_last = AtomicBool::new(false);
    tokio::select! {
        end = commands(client_in, server_out, &client_out, shared, fault.clone(), &is_last) => end,
        end = replies(server_in, &client_out, shared, fault.clone(), &is_last) => end,
        () = until(&mut fault, |fault| fault == Fault::Reset) => {
            reset(client_out.lock().await.as_ref())
        }
    }
}

/// Closes a connection so that its other end is told of an error.
fn reset(stream: &TcpStream) -> io::Result<()> {
    // Zero seconds of lingering: what is not sent is thrown away, and nothing waits.
    stream.set_zero_linger()
}

/// From the client to the server, command by command.
async fn commands(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    client: &Client,
    shared: &Shared,
    mut fault: watch::Receiver<Fault>,
    is_last: &AtomicBool,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    while from.read_buf(&mut bytes).await? > 0 {
        while let Some(command) = resp::take_message(&mut bytes) {
            let name = resp::name(&command);
            let refused = name == "HELLO" && *fault.borrow() == Fault::Resp2Only;
            is_last.fetch_or(shared.is_last(&name), Ordering::SeqCst);
            shared.note_command(name);
            if refused {
                let reply = b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n";
                client.lock().await.write_all(reply).await?;
                continue;
            }
            passes(&mut fault).await;
            to.write_all(&command).await?;
        }
    }
    Ok(())
}

/// From the server to the client, reply by reply.
async fn replies(
    mut from: OwnedReadHalf,
    client: &Client,
    shared: &Shared,
    fault: watch::Receiver<Fault>,
    is_last: &AtomicBool,
) -> io::Result<()> {
    let (queue, queued) = mpsc::unbounded_channel();
    // They are taken in while others are delayed, so that the delay of one is not added to that of the next.
    let arrive = async move {
        let mut bytes = Vec::new();
        while from.read_buf(&mut bytes).await? > 0 {
            while let Some(reply) = resp::take_message(&mut bytes) {
                let _ = queue.send((Instant::now(), reply));
            }
        }
        io::Result::Ok(())
    };
    tokio::select! {
        Err(error) = arrive => Err(error),
        end = leave(queued, client, shared, fault, is_last) => end,
    }
}

/// Sends on the replies that have arrived.
async fn leave(
    mut queued: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    client: &Client,
    shared: &Shared,
    mut fault: watch::Receiver<Fault>,
    is_last: &AtomicBool,
) -> io::Result<()> {
    while let Some((arrived, reply)) = queued.recv().await {
        if is_last.load(Ordering::SeqCst) {
            return Ok(());
        }
        if take_one(&shared.to_lose) {
            continue;
        }
        passes(&mut fault).await;
        let fault = *fault.borrow();
        let mut client = client.lock().await;
        match fault {
            Fault::Delay(late) => sleep_until(arrived + late).await,
            Fault::Truncate => return client.write_all(&reply[..reply.len() / 2]).await,
            Fault::Bandwidth(bytes) => {
                shared.road.carry(&mut client, &reply, bytes).await?;
                continue;
            }
            Fault::Drip(pause) => {
                drip(&mut client, &reply, pause).await?;
                continue;
            }
            _ => {}
        }
        client.write_all(&reply).await?;
        if take_one(&shared.to_repeat) {
            client.write_all(&reply).await?;
        }
    }
    Ok(())
}

async fn drip(client: &mut OwnedWriteHalf, reply: &[u8], pause: Duration) -> io::Result<()> {
    for byte in reply {
        sleep(pause).await;
        client.write_all(&[*byte]).await?;
    }
    Ok(())
}

/// Waits until what comes is passed on.
async fn passes(fault: &mut watch::Receiver<Fault>) {
    until(fault, |fault| !matches!(fault, Fault::BlackHole | Fault::Reset)).await;
}

async fn until(fault: &mut watch::Receiver<Fault>, so: impl Fn(Fault) -> bool) {
    // The test holds the sender for as long as the proxy lives.
    let _ = fault.wait_for(|fault| so(*fault)).await;
}
