//! Two futures, the first of which decides.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which one was first.
pub(crate) enum First<A, B> {
    A(A),
    B(B),
}

/// Polls both until one is ready; `a` wins a tie. The other is dropped.
pub(crate) async fn race<A: Future, B: Future>(a: A, b: B) -> First<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(First::A(output)),
        Poll::Pending => b.as_mut().poll(cx).map(First::B),
    })
    .await
}

/// Polls `main` to its end, and `beside` as long as that takes.
pub(crate) async fn beside<M: Future>(main: M, beside: impl Future<Output = ()>) -> M::Output {
    let (mut main, mut beside) = (pin!(main), pin!(beside));
    let mut over = false;
    poll_fn(|cx| {
        let output = main.as_mut().poll(cx);
        if output.is_pending() && !over {
            over = beside.as_mut().poll(cx).is_ready();
        }
        output
    })
    .await
}
