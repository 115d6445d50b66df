//! How long a value lives, where the value itself decides.

use std::time::Duration;

use crate::engine::Made;

/// Functions of a value; none by default.
pub(crate) struct Lifetime<T> {
    pub(crate) ttl_of: Option<fn(&T) -> Duration>,
    pub(crate) negative: Option<Negatives<T>>,
}

/// Which values are negative, and how long they live.
type Negatives<T> = (fn(&T) -> bool, Duration);

impl<T> Lifetime<T> {
    /// What `value` says; `None` if it says nothing.
    pub(crate) fn of(&self, value: &T) -> Option<Duration> {
        match self.negative {
            Some((is_negative, ttl)) if is_negative(value) => Some(ttl),
            _ => self.ttl_of.map(|ttl_of| ttl_of(value)),
        }
    }

    pub(crate) fn made(&self, value: T) -> Made<T> {
        let ttl = self.of(&value);
        Made { value, ttl }
    }
}

impl<T> Default for Lifetime<T> {
    fn default() -> Self {
        Self { ttl_of: None, negative: None }
    }
}

impl<T> Clone for Lifetime<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lifetime<T> {}
