//! The rules that a function and its template have to keep beyond being well formed.
//!
//! `coverage`: every argument stands in the key or is skipped.
//! `key`: no two calls with different values share a key, and a key and its lock share a cluster slot.

mod coverage;
mod fix;
mod key;

use crate::bind::Model;
use crate::errors::Errors;

/// Reports every rule that is broken.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    key::check(&model.key, errors);
    coverage::check(model, errors);
}
