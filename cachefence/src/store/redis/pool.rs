//! A few connections that are lent to one borrower at a time.
//!
//! `WATCH` belongs to a connection and not to a caller. So a transaction with a condition has a connection for itself
//! while it runs. There are at most so many of them, because each takes a place on the server; whoever finds none free
//! waits for its turn. Nobody waits in here for a server, unless a connection has to be made.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::lock;

/// Up to so many connections at a time.
pub(super) struct Pool<C> {
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<C>>,
}

/// A connection that was lent. Unless it is given back, it is closed.
pub(super) struct Lent<C> {
    pub(super) connection: C,
    // Declared after the connection, so that the connection is closed before the next borrower may make another.
    turn: Turn<C>,
}

struct Turn<C> {
    pool: Arc<Pool<C>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<C> Pool<C> {
    pub(super) fn new(most: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(most)), idle: Mutex::default() }
    }

    /// Waits for a connection that is free, in the order of the calls. If there are fewer than there may be, `dial`
    /// makes one.
    pub(super) async fn lend<E>(
        self: &Arc<Self>,
        dial: impl Future<Output = Result<C, E>>,
    ) -> Result<Lent<C>, E> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        let turn = Turn { pool: Arc::clone(self), _permit: permit };
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => dial.await?,
        };
        Ok(Lent { connection, turn })
    }
}

impl<C> Lent<C> {
    /// Lends the connection to the next borrower. The connection is as it was when it was made.
    pub(super) fn give_back(self) {
        let Self { connection, turn } = self;
        lock(&turn.pool.idle).push(connection);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Lending<'a> = std::pin::Pin<&'a mut dyn Future<Output = Result<Lent<u32>, Infallible>>>;

    fn lent(lending: Lending<'_>) -> Option<Lent<u32>> {
        match lending.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(lent)) => Some(lent),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_connection_is_lent_again_and_another_is_made_only_if_none_is_free() {
        let (pool, made) = (Arc::new(Pool::new(2)), Cell::new(0));
        let dial = async || {
            made.set(made.get() + 1);
            Ok(made.get())
        };
        let first = lent(pin!(pool.lend(dial()))).unwrap();
        first.give_back();
        let first = lent(pin!(pool.lend(dial()))).unwrap();
        let second = lent(pin!(pool.lend(dial()))).unwrap();
        assert_eq!((first.connection, second.connection), (1, 2));
        let mut third = pin!(pool.lend(dial()));
        assert!(lent(third.as_mut()).is_none());
        first.give_back();
        assert_eq!(lent(third.as_mut()).unwrap().connection, 1);
        assert_eq!(made.get(), 2);
    }

    #[test]
    fn a_connection_that_is_not_given_back_is_replaced() {
        let pool = Arc::new(Pool::new(1));
        let first = lent(pin!(pool.lend(async { Ok(1) }))).unwrap();
        let mut next = pin!(pool.lend(async { Ok(2) }));
        assert!(lent(next.as_mut()).is_none());
        drop(first);
        assert_eq!(lent(next.as_mut()).unwrap().connection, 2);
    }

    #[test]
    fn whoever_cannot_connect_keeps_no_turn() {
        let pool = Arc::new(Pool::new(1));
        let mut failing = pin!(pool.lend(async { Err::<u32, _>(()) }));
        let polled = failing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(()))));
        assert!(lent(pin!(pool.lend(async { Ok(1) }))).is_some());
    }
}
