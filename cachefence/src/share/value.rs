//! Giving the value of one read, or of one recompute, to all its callers.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::BoxError;

/// The place where the first of several callers leaves the decoded value for the others.
#[derive(Clone)]
pub struct Decoded(Option<Arc<OnceLock<Box<dyn Any + Send + Sync>>>>);

impl Decoded {
    /// A place for a single caller, which leaves nothing.
    pub(crate) fn for_one() -> Self {
        Self(None)
    }

    pub(crate) fn for_many() -> Self {
        Self(Some(Arc::default()))
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoded(..)")
    }
}

/// A way to give one value of type `T` to several callers.
pub trait ShareValue<T>: 'static {
    /// Leaves a copy of `value` in `decoded` for other callers. Returns whether there is one.
    fn leave(decoded: &Decoded, value: &T) -> bool;

    /// The value: the one that another caller has left in `decoded`, or else the output of `decode`.
    ///
    /// # Errors
    ///
    /// Those of `decode`.
    fn value(
        decoded: &Decoded,
        decode: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError>;
}

/// Every caller decodes for itself.
#[derive(Debug)]
pub struct DecodeEach;

impl<T> ShareValue<T> for DecodeEach {
    fn leave(_: &Decoded, _: &T) -> bool {
        false
    }

    fn value(_: &Decoded, decode: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
        decode()
    }
}

/// One caller decodes, and the others get clones of its value.
#[derive(Debug)]
pub struct CloneOne;

impl<T: Clone + Send + Sync + 'static> ShareValue<T> for CloneOne {
    fn leave(Decoded(shared): &Decoded, value: &T) -> bool {
        // If another caller has left its value meanwhile, that one stays: the two are equal.
        shared
            .as_ref()
            .is_some_and(|shared| shared.get_or_init(|| Box::new(value.clone())).is::<T>())
    }

    fn value(
        decoded: &Decoded,
        decode: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, BoxError> {
        let left = decoded.0.as_ref().and_then(|shared| shared.get());
        // A value of another type was left by another function that has the same key.
        if let Some(value) = left.and_then(|left| left.downcast_ref::<T>()) {
            return Ok(value.clone());
        }
        let value = decode()?;
        Self::leave(decoded, &value);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Asks `S` for a value three times: gives the three values, and how often `S` decoded.
    fn thrice<S: ShareValue<String>>(decoded: &Decoded) -> (Vec<Option<String>>, u32) {
        let count = Cell::new(0);
        let decode = || {
            count.set(count.get() + 1);
            Ok("ann".to_owned())
        };
        let values = (0..3).map(|_| S::value(&decoded.clone(), decode).ok()).collect();
        (values, count.get())
    }

    fn fails<T>() -> Result<T, BoxError> {
        Err("no value".into())
    }

    fn anns() -> Vec<Option<String>> {
        vec![Some("ann".to_owned()); 3]
    }

    #[test]
    fn one_decodes_for_all() {
        assert_eq!(thrice::<CloneOne>(&Decoded::for_many()), (anns(), 1));
    }

    #[test]
    fn who_cannot_clone_decodes() {
        assert_eq!(thrice::<DecodeEach>(&Decoded::for_many()), (anns(), 3));
    }

    #[test]
    fn who_is_alone_leaves_nothing() {
        assert_eq!(thrice::<CloneOne>(&Decoded::for_one()), (anns(), 3));
    }

    #[test]
    fn a_value_of_another_type_is_not_taken() {
        let decoded = Decoded::for_many();
        assert_eq!(CloneOne::value(&decoded, || Ok(7_u64)).ok(), Some(7));
        assert_eq!(thrice::<CloneOne>(&decoded), (anns(), 3));
        assert_eq!(CloneOne::value(&decoded, fails::<u64>).ok(), Some(7));
    }

    #[test]
    fn what_cannot_be_decoded_is_left_to_the_next() {
        let decoded = Decoded::for_many();
        assert!(CloneOne::value(&decoded, fails::<String>).is_err());
        assert_eq!(thrice::<CloneOne>(&decoded), (anns(), 1));
    }
}
