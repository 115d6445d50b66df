//! The encoded value of a load, before it is stored.

use std::error::Error;

use bytes::Bytes;

use super::parts::Engine;
use crate::codec;
use crate::error::BoxError;
use crate::key::Key;
use crate::verify::compare::Comparison;
use crate::verify::{Function, Verified};

/// Verifies that a value which was `encoded` comes back as it was, where it is the value's turn; `compare` decodes it and
/// compares. Gives the encoded value if it may be stored.
///
/// # Errors
///
/// A value that may not be stored, which has been told; `None` if it cannot be decoded either.
pub(crate) fn verify(
    engine: &Engine,
    key: &Key,
    function: Function,
    encoded: Result<Bytes, BoxError>,
    compare: &mut dyn FnMut(&[u8]) -> Comparison,
) -> Result<Bytes, Option<Bytes>> {
    let payload = encoded.map_err(|error| {
        not_encoded(engine, key, &*error);
        None
    })?;
    let observers = &*engine.observers;
    let mut compare = || compare(&payload);
    match engine.verifier.verify(function, &engine.chance, (observers, key), &mut compare) {
        Verified::Same => Ok(payload),
        Verified::Differs => Err(Some(payload)),
        Verified::Lost => Err(None),
    }
}

/// Tells that a value cannot be encoded, and so is served and not stored.
fn not_encoded(engine: &Engine, key: &Key, error: &(dyn Error + 'static)) {
    let problem = codec::refusal(error).unwrap_or(
        "the codec cannot encode it; the codec's message may quote the value, and is left out",
    );
    engine.observers.unstorable_value(key, problem);
}
