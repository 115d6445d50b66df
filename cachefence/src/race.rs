//! Two futures that are polled together: [`race`] ends with the first of them, [`beside`] with its main
//! one.
//!
//! Both functions take their futures pinned, and are no `async fn`s, which would keep each future twice.
//! These futures are most of the memory that a waiting caller takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// The output of the future that was ready first.
pub(crate) enum First<A, B> {
    A(A),
    B(B),
}

/// Polls both until one is ready; `a` wins a tie.
pub(crate) fn race<A: Future, B: Future>(
    mut a: Pin<&mut A>,
    mut b: Pin<&mut B>,
) -> impl Future<Output = First<A::Output, B::Output>> {
    poll_fn(move |cx| match a.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(First::A(output)),
        Poll::Pending => b.as_mut().poll(cx).map(First::B),
    })
}

/// Polls `main` to its end, and `beside` until then.
pub(crate) fn beside<M: Future>(
    mut main: Pin<&mut M>,
    mut beside: Pin<&mut impl Future<Output = ()>>,
) -> impl Future<Output = M::Output> {
    let mut over = false;
    poll_fn(move |cx| {
        let output = main.as_mut().poll(cx);
        if output.is_pending() && !over {
            over = beside.as_mut().poll(cx).is_ready();
        }
        output
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn what_runs_beside_may_end_long_before() {
        let main = async {
            for _ in 0..3 {
                yield_now().await;
            }
            1
        };
        let mut ran = false;
        assert_eq!(beside(pin!(main), pin!(async { ran = true })).await, 1);
        assert!(ran);
    }

    #[tokio::test]
    async fn what_runs_beside_ends_with_the_main_thing() {
        assert_eq!(beside(pin!(async { 1 }), pin!(std::future::pending())).await, 1);
    }
}
