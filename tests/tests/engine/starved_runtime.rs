//! A process that is starved of CPU does not take its store for dead.

use std::thread;
use std::time::Duration;

use cachefence::CacheFence;
use cachefence_tests::RedisServer;
use tokio::task::yield_now;

/// Longer than an operation may take.
const STALL: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_reply_that_has_arrived_is_read_although_its_time_is_over() {
    let server = RedisServer::start();
    let cache = CacheFence::connect(server.url()).await.unwrap();
    let entry = cache.entry("k").ttl(Duration::from_secs(60));
    entry.set(&1).await.unwrap();
    for turns in 0..5 {
        let stall = async {
            for _ in 0..turns {
                yield_now().await; // the request is made, queued, sent, answered
            }
            thread::sleep(STALL); // the whole runtime stands still
        };
        let (found, ()) = tokio::join!(entry.peek(), stall);
        assert_eq!(found.unwrap(), Some(1), "stalled after {turns} turns");
    }
}
