//! A service as users write it, with the default features: it calls ten times a second until its input ends, logs, and
//! says in the end how many calls ran their bodies, and why.

use std::convert::Infallible;
use std::io::stdin;
use std::time::Duration;
use std::{env, thread};

use cachefence::CacheFence;
use tokio::sync::oneshot;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), cachefence::Error> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let url = env::args().nth(1).expect("the URL of a Redis");
    let cache = CacheFence::builder().redis(url).name("rates").build().await?;
    let (end, mut ended) = oneshot::channel::<()>();
    thread::spawn(move || drop((stdin().lines().count(), end)));
    while ended.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        let load = || async { Ok::<_, Infallible>(1.09) };
        let rate: f64 =
            cache.get_or_set("EUR", Duration::from_millis(50), load).await.expect("it loads");
        assert!(rate > 1.0);
        sleep(Duration::from_millis(100)).await;
    }
    println!("{:?}; bypasses: {:?}", cache.status().health, cache.stats().bypasses);
    Ok(())
}
