//! Verifying that a hit equals its miss.
//!
//! A type may encode and not decode, or decode to another value: `#[serde(skip)]`, a rename on one side only, `flatten`
//! around a `u128`. The caller that runs the body would then be given one value, and every later caller another, or
//! each call would load for ever. So a value is decoded from what was encoded, and compared ([`compare`]), before it is
//! stored. A value that does not come back as it was is served, told of with the field that differs ([`field`]), and not
//! stored.
//!
//! This takes as long as one hit. So of each function the first value is verified, and then one in [`SAMPLE`] at random.
//! Once a value has failed, each value of the function is verified.

pub(crate) mod compare;
mod field;

use std::any::type_name;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use self::compare::{Comparison, Difference};
use crate::chance::Chance;
use crate::key::Key;
use crate::observe::Observers;
use crate::sync::lock;

/// Of how many values of a function one is verified, once the first came back as it was.
const SAMPLE: u64 = 64;

/// What is known of the values of each function.
#[derive(Default)]
pub(crate) struct Verifier {
    functions: Mutex<HashMap<Function, Values>>,
}

/// The function that made a value: the template of its key, empty for a key that was given as a string, and its
/// value's type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Function {
    template: &'static str,
    value: &'static str,
    /// Calls by hand cannot compare values, and say nothing of those of the function.
    kind: &'static str,
}

impl Function {
    /// The function whose values are of type `T`, and whose calls of kind `K`.
    pub(crate) fn of<T, K>(key: &Key) -> Self {
        let template = key.template().unwrap_or_default();
        Self { template, value: type_name::<T>(), kind: type_name::<K>() }
    }
}

/// The values of a function, as far as they have been verified.
#[derive(Clone, Copy)]
enum Values {
    ComeBack,
    MayDiffer,
}

/// How a value comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verified {
    /// As it was, as far as anybody can see.
    Same,
    /// As another value.
    Differs,
    /// Not at all.
    Lost,
}

impl Verifier {
    /// Verifies a value of `function`, if it is its turn, by `compare`, which decodes the value and compares. Tells
    /// `observers` of a value that does not come back as it was.
    pub(crate) fn verify(
        &self,
        function: Function,
        chance: &Chance,
        (observers, key): (&Observers, &Key),
        compare: &mut dyn FnMut() -> Comparison,
    ) -> Verified {
        if !self.is_due(function, chance) {
            return Verified::Same;
        }
        // A panic of the code that decodes or compares fails no call: the value is there already.
        let compared = catch_unwind(AssertUnwindSafe(compare));
        let verified = match &compared {
            Ok(Ok(None)) => Verified::Same,
            Ok(Ok(Some(_))) => Verified::Differs,
            Ok(Err(_)) | Err(_) => Verified::Lost,
        };
        self.note(function, verified);
        match compared {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(difference))) => {
                observers.unstorable_value(key, &differs(function, &difference));
            }
            Ok(Err(error)) => observers.undecodable_value(key, function.value, &*error),
            Err(_) => {
                let value = function.value;
                let problem = format!("decoding a `{value}`, or comparing two of them, panicked");
                observers.unstorable_value(key, &problem);
            }
        }
        verified
    }

    fn is_due(&self, function: Function, chance: &Chance) -> bool {
        let known = lock(&self.functions).get(&function).copied();
        match known {
            None | Some(Values::MayDiffer) => true,
            Some(Values::ComeBack) => chance.number().is_multiple_of(SAMPLE),
        }
    }

    fn note(&self, function: Function, verified: Verified) {
        let mut functions = lock(&self.functions);
        let values = functions.entry(function).or_insert(Values::ComeBack);
        if verified != Verified::Same {
            *values = Values::MayDiffer;
        }
    }
}

fn differs(function: Function, difference: &Difference) -> String {
    let value = function.value;
    let field = match &difference.field {
        Some(field) => format!("in its field `{field}`"),
        None => "somewhere".to_owned(),
    };
    format!(
        "a `{value}` that is read back differs from the one that was returned, {field}; look for `skip`, `rename`, `flatten` \
         and the like among the serde attributes"
    )
}

#[cfg(test)]
mod tests;
