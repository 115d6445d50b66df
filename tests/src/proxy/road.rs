//! A road of a limited width, which all the connections of a proxy share.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, sleep_until};

use super::lock;

/// How many bytes one connection sends before it is another one's turn.
const CHUNK: usize = 64 * 1024;

/// How much of the time that it was not used the road makes up for, since timers are late by about a millisecond.
const CREDIT: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct Road {
    /// When all that has set out has arrived.
    free: Mutex<Option<Instant>>,
}

impl Road {
    /// Sends `reply` at a width of `bytes` a second. Each connection has one chunk under way at a time, so a short reply
    /// waits for no more than one chunk of each of the others.
    pub(super) async fn carry(
        &self,
        client: &mut OwnedWriteHalf,
        reply: &[u8],
        bytes: u32,
    ) -> io::Result<()> {
        for chunk in reply.chunks(CHUNK) {
            let length = u32::try_from(chunk.len()).expect("a chunk is short");
            sleep_until(self.arrival(Duration::from_secs(1) * length / bytes)).await;
            client.write_all(chunk).await?;
        }
        Ok(())
    }

    /// When that has arrived which sets out now and takes `time`.
    fn arrival(&self, time: Duration) -> Instant {
        let mut free = lock(&self.free);
        let now = Instant::now();
        let begins = free.map_or(now, |free| free.max(now - CREDIT));
        *free.insert(begins + time)
    }
}
