//! Codecs: how values become bytes, and bytes values.
//!
//! A [`Codec`] is any serde format. A cache holds an [`AnyCodec`], since the codec is not part of its type.

mod json;
mod lost;
#[cfg(feature = "messagepack")]
mod messagepack;
mod nulls;
mod thin;
#[cfg(test)]
mod thin_tests;
#[cfg(all(test, feature = "messagepack"))]
mod values_tests;

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

pub use self::json::Json;
#[cfg(feature = "messagepack")]
pub use self::messagepack::MessagePack;
use self::thin::{Fill, Seed, fill, unused};
use crate::error::BoxError;

/// Turns values into bytes and back: any serde format.
///
/// # Examples
///
/// A whole codec, here for a format that `serde_json` stands in for:
///
/// ```
/// use cachefence::{BoxError, CacheFence, Codec};
/// use serde::{Serialize, de::DeserializeSeed};
///
/// struct Pretty;
///
/// impl Codec for Pretty {
///     fn name(&self) -> &'static str {
///         "pretty"
///     }
///
///     fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
///         Ok(serde_json::to_vec_pretty(value)?)
///     }
///
///     fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
///     where
///         S: for<'de> DeserializeSeed<'de, Value = T>,
///     {
///         Ok(seed.deserialize(&mut serde_json::Deserializer::from_slice(bytes))?)
///     }
/// }
///
/// let cache = CacheFence::builder().in_memory().codec(Pretty).build_lazy()?;
/// # Ok::<(), cachefence::Error>(())
/// ```
pub trait Codec: Send + Sync + 'static {
    /// The name of the format. A hash of it stands in each entry in Redis, so that a cache with another codec takes
    /// the entry for a miss and does not try to decode it. A format that changes needs another name.
    fn name(&self) -> &'static str;

    /// Encodes `value`.
    ///
    /// # Errors
    ///
    /// When the format cannot represent the value. The value is then served, and not cached.
    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError>;

    /// Decodes what [`encode`](Self::encode) made, by handing `seed` a deserializer.
    ///
    /// # Errors
    ///
    /// When `bytes` are not what `encode` makes of such a value. The entry then counts as missing,
    /// and the next load overwrites it.
    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>;
}

/// The codec of one cache. JSON is called directly, so that the default costs no dynamic call; any other codec is called
/// through `erased_serde`, and decodes through [`thin`].
pub(crate) enum AnyCodec {
    Json,
    Other {
        codec: Box<dyn ErasedCodec>,
        #[cfg(feature = "redis")]
        id: CodecId,
    },
}

impl AnyCodec {
    pub(crate) fn other(codec: impl Codec) -> Self {
        Self::Other {
            #[cfg(feature = "redis")]
            id: CodecId::of(codec.name()),
            codec: Box::new(codec),
        }
    }

    /// The id that tells the entries of this codec from those of others.
    #[cfg(feature = "redis")]
    pub(crate) fn id(&self) -> CodecId {
        match self {
            Self::Json => CodecId::of(Json.name()),
            Self::Other { id, .. } => *id,
        }
    }

    pub(crate) fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        match self {
            Self::Json => json::encode_once_compiled(value),
            Self::Other { codec, .. } => codec.encode_erased(value),
        }
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, BoxError> {
        match self {
            // Checking the whole text for UTF-8 once takes a tenth of the time that checking each string would take.
            Self::Json => Ok(serde_json::from_str(str::from_utf8(bytes)?)?),
            Self::Other { codec, .. } => {
                let decoded = fill(PhantomData::<T>, |fill| codec.decode_erased(bytes, fill))?;
                decoded.ok_or_else(|| unused().into())
            }
        }
    }
}

/// Why a codec of this crate refuses a value, if that is what the error of an encoding says. It quotes nothing of
/// the value.
pub(crate) fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    error.downcast_ref::<lost::Lost>()?.reason()
}

/// A codec's name as it stands in an entry: the lower half of its xxh3.
#[cfg(feature = "redis")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodecId(pub(crate) u32);

#[cfg(feature = "redis")]
impl CodecId {
    pub(crate) fn of(name: &str) -> Self {
        let [.., a, b, c, d] = xxhash_rust::xxh3::xxh3_64(name.as_bytes()).to_be_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

/// A [`Codec`] behind a pointer.
pub(crate) trait ErasedCodec: Send + Sync {
    fn encode_erased(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError>;
    fn decode_erased(&self, bytes: &[u8], fill: &mut dyn Fill) -> Result<(), BoxError>;
}

impl<C: Codec> ErasedCodec for C {
    fn encode_erased(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, BoxError> {
        self.encode(value)
    }

    fn decode_erased(&self, bytes: &[u8], fill: &mut dyn Fill) -> Result<(), BoxError> {
        self.decode(bytes, Seed(fill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON with a mark in front, so that the tests see whose bytes they are.
    struct Marked;

    impl Codec for Marked {
        fn name(&self) -> &'static str {
            "marked"
        }

        fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
            let mut bytes = b"!".to_vec();
            serde_json::to_writer(&mut bytes, value)?;
            Ok(bytes)
        }

        fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
        where
            S: for<'de> DeserializeSeed<'de, Value = T>,
        {
            let bytes = bytes.strip_prefix(b"!").ok_or("no mark")?;
            Ok(seed.deserialize(&mut serde_json::Deserializer::from_slice(bytes))?)
        }
    }

    #[test]
    fn any_format_round_trips() {
        let value = (1, "two".to_owned(), vec![Some(3.5), None]);
        for codec in [AnyCodec::Json, AnyCodec::other(Marked), AnyCodec::other(Json)] {
            let bytes = codec.encode(&value).unwrap();
            let back: (i32, String, Vec<Option<f64>>) = codec.decode(&bytes).unwrap();
            assert_eq!(back, value);
        }
        assert_eq!(AnyCodec::other(Marked).encode(&1).unwrap(), b"!1");
    }

    #[test]
    fn foreign_bytes_are_an_error() {
        for codec in [AnyCodec::Json, AnyCodec::other(Marked), AnyCodec::other(Json)] {
            for bytes in [&b""[..], b"\xff", b"!", b"1 2", b"!\"text\""] {
                assert!(codec.decode::<u32>(bytes).is_err());
            }
        }
    }
}
