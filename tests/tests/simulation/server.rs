//! The host `store`: the table behind a socket.

use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use turmoil::net::{TcpListener, TcpStream};

use crate::journal::What;
use crate::oracle::Value;
use crate::wire::{Found, Op, Outcome, Reply, Request, STORE, Take, Written, frame, read_frame};
use crate::world::World;

/// Serves until the host is crashed; started again, it holds nothing.
pub(crate) async fn serve(world: Arc<World>) -> turmoil::Result {
    world.state().table.restart();
    let listener = TcpListener::bind(("0.0.0.0", STORE.1)).await?;
    loop {
        let (stream, from) = listener.accept().await?;
        let from = turmoil::reverse_lookup(from.ip()).unwrap_or_default();
        // Local tasks are dropped in their order when the host is crashed, so that a seed repeats.
        tokio::task::spawn_local(answer(Arc::clone(&world), stream, from));
    }
}

async fn answer(world: Arc<World>, mut stream: TcpStream, from: String) {
    // A request that has come is done, whether its sender still waits or not.
    while let Ok(request) = read_frame::<Request>(&mut stream).await {
        let reply = execute(&world, &request, &from);
        if stream.write_all(&frame(&reply)).await.is_err() {
            return;
        }
    }
}

fn execute(world: &World, request: &Request, from: &str) -> Reply {
    let reply = world.state().table.execute(now(), request);
    let (op, token) = describe(&request.op);
    let what = What::Served {
        from: from.to_owned(),
        op,
        token: token.unwrap_or_default().chars().take(6).collect(),
        outcome: outcome(&reply),
    };
    let mut state = world.state();
    state.stats.operations += 1;
    state.log(key_index(&request.key), what);
    if let Op::Finish { tokens, outcome: Outcome::Store(value) } = &request.op {
        let stored = reply == Reply::Done(true);
        state.stats.refused += u64::from(!stored);
        drop(state);
        if let Some(token) = tokens.first().filter(|_| stored) {
            world.stored(decode(value), token);
        }
    }
    reply
}

/// The store's clock: microseconds since the run began.
pub(crate) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().expect("a host runs");
    u64::try_from(elapsed.as_micros()).expect("a run is short")
}

fn decode(value: &Written) -> Value {
    serde_json::from_slice(&value.payload).expect("what is stored are values")
}

/// What a key is called; the oracle has it as a number.
pub(crate) fn key_name(key: usize) -> String {
    format!("key:{key}")
}

fn key_index(name: &str) -> Option<usize> {
    name.strip_prefix("key:")?.parse().ok()
}

fn describe(op: &Op) -> (&'static str, Option<&str>) {
    match op {
        Op::Read => ("read", None),
        Op::Acquire { token, take, .. } => match take {
            Take::IfFree => ("acquire", Some(token)),
            Take::Beside => ("hedge", Some(token)),
            Take::Force => ("seize", Some(token)),
        },
        Op::Renew { token, .. } => ("renew", Some(token)),
        Op::Finish { tokens, outcome } => match outcome {
            Outcome::Store(_) => ("store", tokens.first().map(String::as_str)),
            Outcome::Postpone(_) => ("postpone", tokens.first().map(String::as_str)),
            Outcome::Release => ("release", tokens.first().map(String::as_str)),
            Outcome::Uncacheable(_) => ("mark", tokens.first().map(String::as_str)),
        },
        Op::Invalidate => ("invalidate", None),
    }
}

fn outcome(reply: &Reply) -> String {
    let payload = |found: &Found| match &found.value {
        Some(value) => String::from_utf8_lossy(&value.payload).into_owned(),
        None => "a mark".to_owned(),
    };
    match reply {
        Reply::Entry(None) => "nothing".to_owned(),
        Reply::Entry(Some(found)) => payload(found),
        Reply::Lease => "lease".to_owned(),
        Reply::Newer(found) => format!("newer {}", payload(found)),
        Reply::Held(held) => format!("held by {held:?}"),
        Reply::Done(done) => done.to_string(),
    }
}
