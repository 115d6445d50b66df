//! How the callers of one read, or of one recompute, come to its value.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Where the first of several callers leaves what it has decoded for the others.
#[derive(Clone)]
pub struct Decoded(Option<Arc<OnceLock<Box<dyn Any + Send + Sync>>>>);

impl Decoded {
    /// There are no others.
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

/// A way for several callers to come to one value of type `T`.
pub trait ShareValue<T>: 'static {
    /// The value, from whoever has `decoded` it or by `decode`.
    fn value(decoded: &Decoded, decode: impl FnOnce() -> Option<T>) -> Option<T>;
}

/// Every caller decodes.
#[derive(Debug)]
pub struct DecodeEach;

impl<T> ShareValue<T> for DecodeEach {
    fn value(_: &Decoded, decode: impl FnOnce() -> Option<T>) -> Option<T> {
        decode()
    }
}

/// One decodes, and the others get clones.
#[derive(Debug)]
pub struct CloneOne;

impl<T: Clone + Send + Sync + 'static> ShareValue<T> for CloneOne {
    fn value(Decoded(shared): &Decoded, decode: impl FnOnce() -> Option<T>) -> Option<T> {
        let Some(shared) = shared else { return decode() };
        if let Some(value) = shared.get() {
            // One that is of another type was decoded by another function, on the same key.
            return value.downcast_ref::<T>().cloned().or_else(decode);
        }
        let value = decode()?;
        // Two may have decoded at once; either is as good.
        let _ = shared.set(Box::new(value.clone()));
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Has `S` come to a value three times: what it comes to, and how often it decodes.
    fn thrice<S: ShareValue<String>>(decoded: &Decoded) -> (Vec<Option<String>>, u32) {
        let count = Cell::new(0);
        let decode = || {
            count.set(count.get() + 1);
            Some("ann".to_owned())
        };
        let values = (0..3).map(|_| S::value(&decoded.clone(), decode)).collect();
        (values, count.get())
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
        assert_eq!(CloneOne::value(&decoded, || Some(7_u64)), Some(7));
        assert_eq!(thrice::<CloneOne>(&decoded), (anns(), 3));
        assert_eq!(CloneOne::value(&decoded, || None::<u64>), Some(7));
    }

    #[test]
    fn what_cannot_be_decoded_is_left_to_the_next() {
        let decoded = Decoded::for_many();
        assert_eq!(CloneOne::value(&decoded, || None::<String>), None);
        assert_eq!(thrice::<CloneOne>(&decoded), (anns(), 1));
    }
}
