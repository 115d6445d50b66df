//! Recursion: whether a call is made inside a load of its own key.
//!
//! A body that asks for its own key would wait for itself. While a body is polled, the mark of its load
//! is on a stack of the thread, so a call that the body makes sees that it is inside. The task of a detached
//! load inherits the stack of its caller ([`Chain`]). A call that the body itself *spawns* as a task does not see it: that
//! call is given a hedge after `wait_for_lock`, or loads as a guest after twice as long.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::engine::parts::Engine;
use crate::key::Key;

/// A load, by the address of its engine and its key.
#[derive(Clone)]
pub(crate) struct Mark(Arc<(usize, Box<str>)>);

thread_local! {
    static STACK: RefCell<Vec<Mark>> = const { RefCell::new(Vec::new()) };
}

impl Mark {
    pub(crate) fn new(engine: &Engine, key: &Key) -> Self {
        Self(Arc::new((address(engine), key.as_str().into())))
    }

    /// Until the guard is dropped, what runs on this thread runs inside this load.
    pub(crate) fn enter(&self) -> Inside {
        STACK.with_borrow_mut(|stack| stack.push(self.clone()));
        Inside(PhantomData)
    }

    /// As [`enter`](Self::enter), if the body is run for a load.
    pub(crate) fn enter_if(mark: Option<&Self>) -> Option<Inside> {
        mark.map(Self::enter)
    }
}

/// The loads that a caller is inside of, for a task that works in its place.
pub(super) struct Chain(Vec<Mark>);

impl Chain {
    /// The loads that the caller is inside of now.
    pub(super) fn current() -> Self {
        Self(STACK.with_borrow(Clone::clone))
    }

    /// Until the guards are dropped, what runs on this thread runs inside these loads.
    pub(super) fn enter(&self) -> Vec<Inside> {
        self.0.iter().map(Mark::enter).collect()
    }
}

/// Whether the caller is inside a load of `key` in `engine`.
pub(in crate::engine) fn is_inside(engine: &Engine, key: &Key) -> bool {
    let engine = address(engine);
    STACK.with_borrow(|stack| {
        stack.iter().any(|Mark(load)| load.0 == engine && *load.1 == *key.as_str())
    })
}

/// The address of an engine, which tells it from others.
fn address(engine: &Engine) -> usize {
    std::ptr::from_ref(engine).addr()
}

/// Takes the last mark off the stack when it is dropped, also if the body panics. It is not `Send`,
/// because the stack is its thread's.
pub(crate) struct Inside(PhantomData<*const ()>);

impl Drop for Inside {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|stack| drop(stack.pop()));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn mark(engine: usize, key: &str) -> Mark {
        Mark(Arc::new((engine, key.into())))
    }

    fn depth() -> usize {
        STACK.with_borrow(Vec::len)
    }

    #[test]
    fn a_mark_is_there_while_the_body_is_polled_and_not_after() {
        let outer = mark(1, "outer").enter();
        assert_eq!(depth(), 1);
        let inner = mark(1, "inner").enter();
        assert_eq!(depth(), 2);
        drop(inner);
        assert_eq!(depth(), 1);
        drop(outer);
        assert_eq!(depth(), 0);
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let panics = || {
            let _inside = mark(1, "k").enter();
            panic!("on purpose");
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(depth(), 0);
    }
}
