//! Lifetimes: how long a value is valid.

use std::time::Duration;

use crate::bounds;

/// The ttl of an entry's values: a fixed one, unless the value decides.
pub(crate) struct Lifetime<T> {
    /// The ttl of a value that does not decide by itself.
    pub(crate) ttl: Option<Duration>,
    pub(crate) ttl_of: Option<fn(&T) -> Duration>,
    pub(crate) negative: Option<Negatives<T>>,
}

/// Which values are negative, and their ttl.
type Negatives<T> = (fn(&T) -> bool, Duration);

impl<T> Lifetime<T> {
    /// The fixed ttl.
    pub(crate) fn fixed(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }

    /// Whether every value has a ttl, and a fixed one is within bounds whatever the stale windows are. A ttl that
    /// depends on the value can be checked only when there is a value.
    #[inline]
    pub(crate) fn is_usual(&self) -> bool {
        match self.ttl {
            Some(ttl) => bounds::TTL.allow_with_any_window(ttl),
            None => self.ttl_of.is_some(),
        }
    }

    /// The ttl of `value`; `None` if none was given.
    pub(crate) fn of(&self, value: &T) -> Option<Duration> {
        match self.negative {
            Some((is_negative, ttl)) if is_negative(value) => Some(ttl),
            _ => self.ttl_of.map(|ttl_of| ttl_of(value)).or(self.ttl),
        }
    }
}

/// A type one of whose values says that there is nothing: `Option<T>`. `negative_ttl` asks for it.
///
/// ```
/// use cachefence::Negative;
///
/// assert!(None::<u32>.is_negative());
/// assert!(!Some(42).is_negative());
/// ```
#[diagnostic::on_unimplemented(
    message = "`negative_ttl` is the ttl of a `None`, and `{Self}` has none",
    label = "a function with `negative_ttl` returns `Option<T>` or `Result<Option<T>, E>`"
)]
pub trait Negative {
    /// Whether this is the value that says so.
    fn is_negative(&self) -> bool;
}

impl<T> Negative for Option<T> {
    fn is_negative(&self) -> bool {
        self.is_none()
    }
}

impl<T> Default for Lifetime<T> {
    fn default() -> Self {
        Self { ttl: None, ttl_of: None, negative: None }
    }
}

impl<T> Clone for Lifetime<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lifetime<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_ttl_the_value_has_to_decide() {
        let none = Lifetime::<Duration>::default();
        assert!(!none.is_usual());
        assert!(Lifetime { ttl_of: Some(|value| *value), ..none }.is_usual());
    }

    #[test]
    fn the_value_decides_before_the_fixed_ttl() {
        let [fixed, own, negative] = [1, 2, 3].map(Duration::from_secs);
        let lifetime = Lifetime {
            ttl_of: Some(|value: &Duration| *value),
            negative: Some((Duration::is_zero, negative)),
            ..Lifetime::fixed(fixed)
        };
        assert_eq!(lifetime.of(&own), Some(own));
        assert_eq!(lifetime.of(&Duration::ZERO), Some(negative));
        assert_eq!(Lifetime::fixed(fixed).of(&own), Some(fixed));
    }
}
