//! `MessagePack`, and the values that it cannot hold.

mod scan;

use rmp_serde::{Deserializer, Serializer};
use serde::Serialize;
use serde::de::DeserializeSeed;

use self::scan::{Malformed, holds_nil};
use super::Codec;
use super::lost::{Lost, TOO_DEEP};
use super::nulls::Walk;
use crate::error::BoxError;

const WRONG_LENGTH: Lost = Lost::because(
    "a hand-written `Serialize` in it announces another number of elements or fields than it writes; mend it",
);

/// `MessagePack`: what JSON holds, mostly in fewer bytes, and bytes as they are.
///
/// Needs the feature `messagepack`. Fields and variants are stored by name, so fields may be added and removed as in JSON,
/// and the format counts as human-readable, so a type that tells such formats from others, an `IpAddr` for example,
/// is written as in JSON. Beyond JSON it holds NaN and the infinities, and maps whose keys are of any type.
///
/// Bytes are stored as they are where the type says that they are bytes: `serde_bytes::ByteBuf`, or a field with
/// `#[serde(with = "serde_bytes")]`. A `Vec<u8>` is a list of numbers to serde, and takes one and a half bytes for each
/// byte on average.
///
/// Encoding fails for a value that would not be decoded as it was: `Some(None)` and `Some(())`, which would become
/// `None`; one that is nested more than 127 levels deep; one whose own `Serialize` announces another length than it
/// writes. Such a value is served and not cached, with a warning that says why. `docs/values.md` of this package says
/// what each codec does with which value.
///
/// Any bytes may be decoded: what is not one whole value of that type is an error, found before memory is reserved
/// by what the bytes say of their lengths.
///
/// # Examples
///
/// ```
/// use cachefence::{CacheFence, MessagePack};
///
/// let cache = CacheFence::builder().in_memory().codec(MessagePack).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MessagePack;

impl Codec for MessagePack {
    fn name(&self) -> &'static str {
        "messagepack"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        let mut bytes = Vec::with_capacity(128);
        // The value is written as for a person, because inside `flatten`, `tag` and `untagged` serde reads every
        // format as one for persons.
        value
            .serialize(&mut Serializer::new(&mut bytes).with_struct_map().with_human_readable())?;
        match holds_nil(&bytes) {
            Ok(false) => {}
            // Most values hold no nil, and are not looked at a second time.
            Ok(true) => drop(value.serialize(Walk::MessagePack)?),
            Err(Malformed::TooDeep) => return Err(TOO_DEEP.into()),
            Err(_) => return Err(WRONG_LENGTH.into()),
        }
        Ok(bytes)
    }

    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        holds_nil(bytes)?;
        Ok(seed.deserialize(&mut Deserializer::from_read_ref(bytes).with_human_readable())?)
    }
}

#[cfg(test)]
mod tests;
