//! One connection for all operations: requests go out as they come, replies come in that order.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard};

use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};
use turmoil::net::TcpStream;

use crate::remote::broken;
use crate::wire::{Reply, STORE, read_frame};

/// A request, and who waits for the reply. Its future may be dropped; the request is sent anyway.
type Sending = (Vec<u8>, oneshot::Sender<Reply>);

/// The connection, if there is one. It is made when it is needed.
#[derive(Default)]
pub(crate) struct Pipeline(Mutex<Option<mpsc::UnboundedSender<Sending>>>);

impl Pipeline {
    pub(crate) async fn exchange(&self, request: Vec<u8>) -> io::Result<Reply> {
        let (reply, arrives) = oneshot::channel();
        self.send((request, reply));
        arrives.await.map_err(|_| broken())
    }

    /// Gives the connection up: what it still carries may arrive, replies to it are not heard.
    pub(crate) fn hang_up(&self) {
        *self.line() = None;
    }

    fn send(&self, sending: Sending) {
        let mut line = self.line();
        let unsent = match &*line {
            Some(open) => open.send(sending).err().map(|unsent| unsent.0),
            None => Some(sending),
        };
        if let Some(sending) = unsent {
            let (open, queue) = mpsc::unbounded_channel();
            tokio::spawn(carry(queue));
            let _ = open.send(sending);
            *line = Some(open);
        }
    }

    fn line(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Sending>>> {
        self.0.lock().expect("nothing panics with it locked")
    }
}

/// Works one connection until it breaks or is given up.
async fn carry(mut queue: mpsc::UnboundedReceiver<Sending>) -> io::Result<()> {
    let (mut reader, mut writer) = TcpStream::connect(STORE).await?.into_split();
    let waiting = Mutex::new(VecDeque::new());
    let line_up = || waiting.lock().expect("nothing panics with it locked");
    let send = async {
        while let Some((request, reply)) = queue.recv().await {
            line_up().push_back(reply);
            writer.write_all(&request).await?;
        }
        Ok(())
    };
    let receive = async {
        loop {
            let reply: Reply = read_frame(&mut reader).await?;
            let next = line_up().pop_front().ok_or_else(broken)?;
            let _ = next.send(reply); // nobody waits if the operation was dropped
        }
    };
    tokio::select! {
        biased;
        done = send => done,
        done = receive => done,
    }
}
