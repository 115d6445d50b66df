//! Switches: how a process hears that another server has become the primary.
//!
//! Every sentinel tells of it on a channel, and each runtime that has a link listens to all of them, because any may be
//! the first, and any may be gone. A sentinel is asked for the primary after each subscription, so that no switch is
//! missed that came before, and now and then after that, because a connection whose other end is gone is silent.
//!
//! Sentinels hear of a switch at different times. A message about a switch from the server that is believed to be the
//! primary counts at once. Any other may be late, and so may an answer: then all sentinels are asked.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::ConnectionAddr;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::failure::Failure;
use super::primary::Primary;
use super::sentinel::{News, Sentinel, Subscription};
use crate::chance;
use crate::race::{First, race};
use crate::time::sleep;

/// How long after a subscription was lost, or was not to be had, the next one is asked for at the latest.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a sentinel that is silent is asked for the primary.
const SILENCE: Duration = Duration::from_secs(10);

impl Primary {
    /// The tasks that listen to the sentinels on `runtime`. They end when they are dropped.
    pub(super) fn watch(self: &Arc<Self>, runtime: &Handle) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for sentinel in &self.sentinels {
            let (primary, sentinel) = (Arc::clone(self), Arc::clone(sentinel));
            tasks.spawn_on(async move { primary.listen(&sentinel).await }, runtime);
        }
        tasks
    }

    /// Listens to a sentinel, over one subscription after the other. A sentinel that does not let itself be listened to
    /// is asked each time instead.
    async fn listen(&self, sentinel: &Sentinel) {
        loop {
            let Err(failure) = self.follow(sentinel).await;
            let answer = sentinel.ask().await;
            if !sentinel.is_lost.swap(true, Ordering::Relaxed) {
                let problem = match &answer {
                    Ok(_) => "it is asked once a second instead, so a failover is heard of later",
                    Err(_) => "other sentinels have to tell of a failover until this one answers",
                };
                self.observers.store_degraded(&format!("{}; {problem}", failure.error));
            }
            if let Ok(address) = answer {
                self.answered(address).await;
            }
            // Up to half of the pause is taken off at random, so that the processes of a fleet do not come in step.
            sleep(PAUSE.mul_f64(1.0 - chance::fraction(rand::random()) / 2.0)).await;
        }
    }

    /// Subscribes to a sentinel, and takes in all that it tells, until the subscription is lost.
    async fn follow(&self, sentinel: &Sentinel) -> Result<Infallible, Failure> {
        let mut subscription = sentinel.subscribe().await?;
        let connection = subscription.connection();
        loop {
            let asked = pin!(async {
                let address = sentinel.ask_over(Instant::now(), &connection).await?;
                self.answered(address).await;
                Ok::<(), Failure>(())
            });
            self.take_in_until(asked, sentinel, &mut subscription).await??;
            if sentinel.is_lost.swap(false, Ordering::Relaxed) {
                self.observers
                    .store_restored(&format!("Redis at {sentinel} tells of failovers again"));
            }
            let silence = pin!(sleep(SILENCE));
            self.take_in_until(silence, sentinel, &mut subscription).await?;
        }
    }

    /// Takes in the news of a `subscription` until `end` is ready, so that no message waits for it.
    async fn take_in_until<T>(
        &self,
        mut end: Pin<&mut impl Future<Output = T>>,
        sentinel: &Sentinel,
        subscription: &mut Subscription,
    ) -> Result<T, Failure> {
        loop {
            match race(pin!(subscription.next()), end.as_mut()).await {
                First::A(News::Switch { old, new }) => self.switched(&old, new).await,
                First::A(News::Lost) => return Err(sentinel.lost()),
                First::B(ended) => return Ok(ended),
            }
        }
    }

    /// Takes in a sentinel's message that `new` has replaced `old`.
    pub(super) async fn switched(&self, old: &ConnectionAddr, new: ConnectionAddr) {
        if !self.learn_from(old, new.clone()) {
            self.answered(new).await;
        }
    }

    /// Takes in that one sentinel names `address`.
    async fn answered(&self, address: ConnectionAddr) {
        match self.address() {
            None => self.learn(address),
            Some(known) if known == address => {}
            Some(_) => self.ask_all().await,
        }
    }
}
