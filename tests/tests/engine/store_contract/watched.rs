//! Without scripts: nothing happens between the look at a lock and the write that depends on it.
//!
//! A gate between the store and its server holds back the transaction, and somebody else takes the
//! lock in the meantime.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cachefence::store::{Acquire, Acquired, Outcome, Take};
use cachefence::{CacheFence, Store, testing};
use cachefence_tests::RedisServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::{LEASE, acquire, key, read, stored, take};

/// Reached by a failure only.
const SOON: Duration = Duration::from_secs(20);

/// Hands on what it is sent, but for transactions, of which it lets through as many as it is told.
struct Gate {
    url: String,
    transactions: Arc<Semaphore>,
    held: mpsc::UnboundedReceiver<()>,
}

impl Gate {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let transactions = Arc::new(Semaphore::new(0));
        let (holds, held) = mpsc::unbounded_channel();
        let permits = Arc::clone(&transactions);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let (permits, holds) = (Arc::clone(&permits), holds.clone());
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_server, &mut to_client).await },
                );
                tokio::spawn(hand_on(from_client, to_server, permits, holds));
            }
        });
        Self { url, transactions, held }
    }

    /// Waits until a transaction is held back.
    async fn holds_one(&mut self) {
        timeout(SOON, self.held.recv()).await.expect("a transaction").unwrap();
    }

    fn let_through(&self, transactions: usize) {
        self.transactions.add_permits(transactions);
    }
}

async fn hand_on(
    mut from: OwnedReadHalf,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    transactions: Arc<Semaphore>,
    holds: mpsc::UnboundedSender<()>,
) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let part = &bytes[..read];
        if part.windows(4).any(|window| window == b"EXEC") {
            let _ = holds.send(());
            transactions.acquire().await.unwrap().forget();
        }
        if to.write_all(part).await.is_err() {
            return;
        }
    }
}

async fn without_scripts() -> (RedisServer, Gate, Arc<dyn Store>) {
    let rename = ["--rename-command", "EVALSHA", "", "--rename-command", "EVAL", ""];
    let server = RedisServer::builder().args(rename).start();
    let gate = Gate::before(server.port()).await;
    let cache = CacheFence::builder().redis(&gate.url).op_timeout(SOON).build_lazy().unwrap();
    (server, gate, testing::store(&cache))
}

#[tokio::test]
async fn a_lock_that_is_lost_after_the_look_is_lost() {
    for operation in ["store", "mark", "renew", "release", "postpone"] {
        let (server, mut gate, store) = without_scripts().await;
        let key = key("k");
        gate.let_through(1);
        let token = acquire(&store, &key, None).await.unwrap();
        gate.holds_one().await;

        let pending = tokio::spawn({
            let (store, key) = (Arc::clone(&store), key.clone());
            async move {
                let outcome = match operation {
                    "store" => stored("v"),
                    "mark" => Outcome::Uncacheable(LEASE),
                    "release" => Outcome::Release,
                    "postpone" => Outcome::Postpone(LEASE),
                    _ => return store.renew(&key, token, LEASE * 10).await,
                };
                store.finish(&key, &[token], &outcome).await
            }
        });
        gate.holds_one().await;
        let theirs = format!("{}:10000", testing::token());
        let lock = key.lease_name();
        server.cli(&["SET", &lock, &theirs, "PX", "10000"]);
        gate.let_through(1);
        let held = timeout(SOON, pending).await.unwrap().unwrap().unwrap();
        assert!(!held, "{operation}");
        assert_eq!(server.cli(&["GET", &lock]), theirs, "{operation}");
        let left = server.cli(&["PTTL", &lock]).parse::<u64>().unwrap();
        assert!(left <= 10_000, "{operation}: {left}");
        assert!(read(&store, &key).await.is_none(), "{operation}");
    }
}

/// An entry that somebody changes is no reason to keep the lock: not for those who wait for it.
#[tokio::test]
async fn postponing_releases_although_the_entry_changes_after_the_look() {
    let (server, mut gate, store) = without_scripts().await;
    let key = key("k");
    gate.let_through(1);
    let token = acquire(&store, &key, None).await.unwrap();
    gate.holds_one().await;

    let pending = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.finish(&key, &[token], &Outcome::Postpone(LEASE)).await }
    });
    gate.holds_one().await;
    server.cli(&["SET", key.as_str(), "theirs"]);
    gate.let_through(1); // it marks nothing
    gate.holds_one().await;
    gate.let_through(1);
    assert!(timeout(SOON, pending).await.unwrap().unwrap().unwrap(), "it held the lock");
    assert_eq!(server.cli(&["EXISTS", &key.lease_name()]), "0");
    assert_eq!(server.cli(&["GET", key.as_str()]), "theirs");
}

/// The slot of somebody else is no reason to give up one's own.
#[tokio::test]
async fn a_value_is_stored_although_a_hedge_is_taken_after_the_look() {
    let (server, mut gate, store) = without_scripts().await;
    let key = key("k");
    gate.let_through(1);
    let token = acquire(&store, &key, None).await.unwrap();
    gate.holds_one().await;

    let pending = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.finish(&key, &[token], &stored("v")).await }
    });
    gate.holds_one().await;
    let theirs = format!("{}:10000", testing::token());
    server.cli(&["SET", &key.hedge_name(), &theirs, "PX", "10000"]);
    gate.let_through(1); // it stores nothing
    gate.holds_one().await;
    gate.let_through(1);
    assert!(timeout(SOON, pending).await.unwrap().unwrap().unwrap(), "it held the lease");
    assert_eq!(read(&store, &key).await.unwrap().payload, "v");
    assert_eq!(server.cli(&["EXISTS", &key.lease_name(), &key.hedge_name()]), "0");
}

/// Asked for beside a lease that has just ended, the slot is the lease.
#[tokio::test]
async fn a_lease_that_ends_between_two_looks_is_not_hedged() {
    let (server, mut gate, store) = without_scripts().await;
    let key = key("k");
    for name in [key.lease_name(), key.hedge_name()] {
        let theirs = format!("{}:10000", testing::token());
        server.cli(&["SET", &name, &theirs, "PX", "10000"]);
    }
    let pending = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { take(&store, &key, Take::Beside, None).await }
    });
    gate.holds_one().await;
    gate.let_through(1); // the lease is held
    gate.holds_one().await;
    server.cli(&["DEL", &key.lease_name()]);
    gate.let_through(2); // and so is the hedge, but now the lease is free
    let token = timeout(SOON, pending).await.unwrap().unwrap().expect("the lease is free");
    assert!(server.cli(&["GET", &key.lease_name()]).starts_with(&token.to_string()));
}

#[tokio::test]
async fn a_lock_that_takes_the_place_of_garbage_is_not_removed() {
    let (server, mut gate, store) = without_scripts().await;
    let key = key("k");
    server.cli(&["SET", &key.lease_name(), "garbage"]);
    let pending = tokio::spawn({
        let (store, key) = (Arc::clone(&store), key.clone());
        async move { store.acquire(&key, &Acquire::new(testing::token(), LEASE)).await }
    });
    gate.holds_one().await;
    gate.let_through(1); // it finds the garbage
    gate.holds_one().await;
    server.cli(&["SET", &key.lease_name(), &format!("{}:10000", testing::token()), "PX", "10000"]);
    gate.let_through(2); // it removes nothing, and looks again
    let acquired = timeout(SOON, pending).await.unwrap().unwrap().unwrap();
    assert!(matches!(acquired, Acquired::Held(_)), "{acquired:?}");
}

/// Whoever is not polled any more, or gone, keeps nobody from writing, and what it wanted written is written.
#[tokio::test]
async fn callers_that_are_left_half_way_hold_up_no_other() {
    let server = RedisServer::without_scripts();
    let cache = CacheFence::builder().redis(server.url()).op_timeout(SOON).build_lazy().unwrap();
    let store = testing::store(&cache);
    let keys: Vec<_> = (0..20).map(|id| key(&format!("k{id}"))).collect();
    let mut tokens = Vec::new();
    for key in &keys {
        tokens.push([acquire(&store, key, None).await.unwrap()]);
    }
    let outcome = stored("v");
    let mut left = Vec::new();
    for ((key, tokens), id) in keys.iter().zip(&tokens).zip(0..) {
        let mut call = Box::pin(store.finish(key, tokens, &outcome));
        if id + 1 == keys.len() {
            assert!(timeout(SOON, call).await.unwrap().unwrap());
            continue;
        }
        // The server's time is known, so the call gets as far as it can.
        assert!(poll_once(&mut call).await.is_none());
        if id % 2 == 0 {
            left.push(call);
        }
    }
    for key in &keys {
        let stored = async { while read(&store, key).await.is_none() {} };
        timeout(SOON, stored).await.expect("it is stored");
    }
    drop(left);
}

/// The output of `future`, if it is ready when it is polled once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
