//! The rules that a function and its template have to keep beyond being well formed.
//!
//! `detached`: a detached function has no argument that no copy can stand for.
//! `coverage`: every argument stands in the key or is skipped.
//! `parameters`: every type and const parameter that no argument determines stands in the key or is skipped.
//! `key`: no two calls with different values share a key.

mod coverage;
mod detached;
mod fix;
mod key;
mod parameters;

use crate::bind::Model;
use crate::errors::Errors;

/// Reports every rule that is broken.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    key::check(&model.key, errors);
    detached::check(model, errors);
    // Without the names in `skip(..)` nobody can tell which arguments and parameters are left out.
    if !model.skip_is_known {
        return;
    }
    parameters::check(model, errors);
    coverage::check(model, errors);
}
