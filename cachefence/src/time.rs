//! Waiting, and work that outlives its caller.
//!
//! Time is tokio's: real in production, and under a test's control in tests. Outside a tokio runtime there
//! are no timers: a wait there has no limit, and ends only when the awaited work does.

mod alarm;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::alarm::Alarm;

/// Waits for `duration` from now.
pub(crate) fn sleep(duration: Duration) -> Alarm {
    sleep_until(Instant::now().checked_add(duration))
}

/// Waits until `deadline`; without a deadline, for ever.
pub(crate) fn sleep_until(deadline: Option<Instant>) -> Alarm {
    Alarm::at(deadline)
}

/// The output of `work`; `None` if the work takes longer than `limit`.
///
/// In a process that is starved of CPU, timers are due long before the process sends its requests or reads
/// the replies that have arrived. The process would take its store for dead and load without it, just when
/// loads hurt most. A timer that comes late shows that the process stood still, so the limit is then granted
/// once more.
pub(crate) async fn in_time<T>(
    limit: Duration,
    work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    in_time_from(Instant::now(), limit, work).await
}

/// As [`in_time`], with a `limit` that counts from `begun` on. Panics if it is first polled outside a tokio
/// runtime.
///
/// No function on a hit's path is an `async fn`, because its future would keep room for its arguments twice.
pub(crate) fn in_time_from<T>(
    begun: Instant,
    limit: Duration,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> impl Future<Output = Option<T>> {
    async move {
        // One timer serves the first limit, and then the one that is granted once more.
        let mut timer = sleep_until(begun.checked_add(limit));
        let mut granted = false;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if limit.is_zero() {
                return Poll::Ready(None);
            }
            while Pin::new(&mut timer).poll(cx).is_ready() {
                let again = Instant::now().checked_add(limit);
                match again.filter(|_| !granted && stood_still(begun, limit)) {
                    Some(again) => timer = sleep_until(Some(again)),
                    None => return Poll::Ready(None),
                }
                granted = true;
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether a timer is late that was set at `begun` for `limit` and has just ended.
fn stood_still(begun: Instant, limit: Duration) -> bool {
    /// A timer may be late by this part of its limit in a process that gets its CPU time.
    const LATE: u32 = 10;
    begun.elapsed() >= limit.saturating_add(limit / LATE)
}

/// The outputs of a few futures, which run at the same time.
#[cfg(feature = "redis")]
pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut is_over = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => is_over = false,
                }
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Runs `work` in a task of its own that can be waited for, if there is a runtime to run it on.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<JoinHandle<T>> {
    Some(Handle::try_current().ok()?.spawn(work))
}

/// Work that is carried to its end: by the caller that polls it or, once that caller has dropped it, in a task of
/// its own, if there is a runtime to run the task on. The task takes no longer than `longest`, so that nothing is left
/// behind for ever where a store does not answer.
pub(crate) struct ToItsEnd {
    /// `None` once the work is done.
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    longest: Duration,
}

impl ToItsEnd {
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static, longest: Duration) -> Self {
        Self { work: Some(Box::pin(work)), longest }
    }
}

impl Future for ToItsEnd {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(work) = &mut self.work else { return Poll::Ready(()) };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl Drop for ToItsEnd {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            let longest = self.longest;
            detach(async move { _ = in_time(longest, pin!(work)).await });
        }
    }
}

/// Runs `work` in a task of its own, if there is a runtime to run it on.
pub(crate) fn detach(work: impl Future<Output = ()> + Send + 'static) {
    drop(spawn(work));
}
