//! A connection for each operation under way.

use std::io;
use std::sync::{Mutex, MutexGuard};

use tokio::io::AsyncWriteExt as _;
use turmoil::net::TcpStream;

use crate::wire::{Reply, STORE, read_frame};

/// The connections that wait for work. One whose operation failed, timed out or was dropped does
/// not come back; what it has sent may still arrive.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<TcpStream>>);

impl Pool {
    pub(crate) async fn exchange(&self, request: Vec<u8>) -> io::Result<Reply> {
        let idle = self.idle().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => TcpStream::connect(STORE).await?,
        };
        stream.write_all(&request).await?;
        let reply = read_frame(&mut stream).await?;
        self.idle().push(stream);
        Ok(reply)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.0.lock().expect("nothing panics with it locked")
    }
}
