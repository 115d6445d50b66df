//! The rules that a function and its template have to keep beyond being well formed.
//!
//! `coverage`: every argument stands in the key or is skipped.
//! `parameters`: so is every type and const parameter that no argument determines.
//! `key`: no two calls with different values share a key, and a key and its lock share a cluster slot.

mod coverage;
mod fix;
mod key;
mod parameters;

use crate::bind::Model;
use crate::errors::Errors;

/// Reports every rule that is broken.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    parameters::check(model, errors);
    key::check(&model.key, errors);
    coverage::check(model, errors);
}
