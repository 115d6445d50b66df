//! The rules that a function and its template have to keep beyond being well formed.
//!
//! `background`: what runs in a task of its own borrows nothing.
//! `coverage`: every argument stands in the key or is skipped.
//! `parameters`: so is every type and const parameter that no argument determines.
//! `key`: no two calls with different values share a key.

mod background;
mod coverage;
mod fix;
mod key;
mod parameters;

use crate::bind::Model;
use crate::errors::Errors;

/// Reports every rule that is broken.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    key::check(&model.key, errors);
    background::check(model, errors);
    // What is left out cannot be told without what is skipped.
    if !model.skip_is_known {
        return;
    }
    parameters::check(model, errors);
    coverage::check(model, errors);
}
