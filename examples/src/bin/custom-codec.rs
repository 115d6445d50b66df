//! A codec of your own: JSON, compressed. Encryption is written in the same way.
//!
//! ```sh
//! cargo run --bin custom-codec
//! ```
//!
//! The program prints how small a value becomes, and that bytes which another codec wrote are a miss, and no error.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use cachefence::{BoxError, CacheFence, Codec, Json, MemoryStore, cachefence};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Serialize, de::DeserializeSeed};

/// `Json` does the encoding, so its checks hold here too.
struct Compressed;

/// The most bytes of JSON. Decompression stops here, so that a few foreign bytes cannot fill the memory.
const LARGEST: usize = 16 << 20;

impl Codec for Compressed {
    /// Stands in each entry in Redis: a cache whose codec has another name does not try to decode the entry. So a format
    /// that changes gets another name.
    fn name(&self) -> &'static str {
        "json+zlib"
    }

    fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        let json = Json.encode(value)?;
        if json.len() > LARGEST {
            return Err(format!("{} bytes of JSON are more than {LARGEST}", json.len()).into());
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&json)?;
        Ok(zlib.finish()?)
    }

    fn decode<T, S>(&self, bytes: &[u8], seed: S) -> Result<T, BoxError>
    where
        S: for<'de> DeserializeSeed<'de, Value = T>,
    {
        let mut json = Vec::new();
        ZlibDecoder::new(bytes).take(LARGEST as u64).read_to_end(&mut json)?;
        Json.decode(&json, seed)
    }
}

#[cachefence(key = "report:<year>", ttl = "1h", cache = cache, skip(cache))]
async fn report(cache: &CacheFence, year: u32) -> Vec<String> {
    println!("   the body runs");
    (1..=12).map(|month| format!("{year}-{month:02}: 1000 orders")).collect()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Two caches on one store, as before and after a release that changes the codec.
    let store = Arc::new(MemoryStore::default());
    let before = CacheFence::builder().store(Arc::clone(&store)).build().await?;
    let after = CacheFence::builder().store(store).codec(Compressed).build().await?;

    println!("1. The cache with JSON loads a report.");
    let value = report(&before, 2026).await;
    let (json, zlib) = (Json.encode(&value)?, Compressed.encode(&value)?);
    println!("   {} months are {} bytes, compressed to {}", value.len(), json.len(), zlib.len());

    println!("2. For the cache with compression this entry is a miss. It loads the report anew.");
    println!("   {} months", report(&after, 2026).await.len());
    println!("   entries that did not decode: {}", after.stats().troubles.undecodable_entry);

    println!("3. From then on it is a hit.");
    println!("   {} months", report(&after, 2026).await.len());
    Ok(())
}
