//! Which recomputes a piece of code runs inside of.
//!
//! A recompute that asks for its own key would wait for itself. While one is polled, its name is on
//! a stack of the thread, so a call can see that it is inside. A recompute that *spawns* such a call
//! is not seen: that call waits for `wait_for_lock` and then rebuilds.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

/// An engine, by its address, and a key of it.
type Name = (usize, Arc<str>);

thread_local! {
    static STACK: RefCell<Vec<Name>> = const { RefCell::new(Vec::new()) };
}

/// Polls `recompute` to its end, as one of `key` in `engine`.
pub(super) async fn within<F: Future>(
    engine: usize,
    key: &str,
    mut recompute: Pin<&mut F>,
) -> F::Output {
    let name = (engine, Arc::from(key));
    poll_fn(|cx| {
        STACK.with_borrow_mut(|stack| stack.push(name.clone()));
        let _pop = Pop;
        recompute.as_mut().poll(cx)
    })
    .await
}

/// Takes the last name off the stack, also when the recompute panics.
struct Pop;

impl Drop for Pop {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| drop(stack.pop()));
    }
}

/// Whether the caller is inside a recompute of `key` in `engine`.
pub(super) fn is_within(engine: usize, key: &str) -> bool {
    STACK.with_borrow(|stack| stack.iter().any(|(of, name)| *of == engine && **name == *key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn it_is_seen_while_it_is_polled_and_not_after() {
        let body = pin!(async {
            assert!(is_within(1, "k"));
            assert!(!is_within(1, "other"));
            assert!(!is_within(2, "k"));
            tokio::task::yield_now().await;
            let inner = async { is_within(1, "k") && is_within(1, "inner") };
            within(1, "inner", pin!(inner)).await
        });
        let aside = async {
            for _ in 0..3 {
                assert!(!is_within(1, "k"), "another future of the same task is not inside");
                tokio::task::yield_now().await;
            }
        };
        let (inside, ()) = tokio::join!(within(1, "k", body), aside);
        assert!(inside);
        assert!(!is_within(1, "k"));
    }

    #[tokio::test]
    async fn a_panic_leaves_nothing_behind() {
        let panics = tokio::spawn(async {
            within(1, "k", pin!(async { panic!("on purpose") })).await;
        });
        assert!(panics.await.unwrap_err().is_panic());
        assert!(!is_within(1, "k"));
    }
}
