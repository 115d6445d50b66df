//! Caches whose codec is not JSON.

use std::convert::Infallible;
use std::time::Duration;

use cachefence::{Builder, CacheFence, MemoryStore, MessagePack};
use cachefence_tests::{Loads, Log, RedisServer};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tracing::Level;

const TTL: Duration = Duration::from_secs(3_600);

const MEBIBYTE: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Image {
    name: String,
    #[serde(with = "serde_bytes")]
    pixels: Vec<u8>,
}

/// An image of 20 MiB.
fn image() -> Image {
    let pixels = (0..=u8::MAX).collect::<Vec<_>>().repeat(20 * MEBIBYTE / 256);
    Image { name: "large".to_owned(), pixels }
}

/// The image, as a call of `cache` is given it.
async fn image_of(cache: &CacheFence, loads: &Loads) -> Image {
    let load = || async {
        let _running = loads.begin();
        Ok::<_, Infallible>(image())
    };
    cache.get_or_set("image", TTL, load).await.unwrap()
}

fn memory(bytes: usize) -> Builder {
    CacheFence::builder().store(MemoryStore::with_bytes(bytes as u64))
}

#[tokio::test]
async fn twenty_mebibytes_are_stored_near_their_size_in_redis_and_a_hit_equals_its_miss() {
    let (server, loads) = (RedisServer::start(), Loads::default());
    for _ in 0..2 {
        let process = server.cache_builder().codec(MessagePack).build().await.unwrap();
        assert!(image_of(&process, &loads).await == image());
    }
    assert_eq!(loads.count(), 1);
    let size: usize = server.cli(&["STRLEN", "image"]).parse().unwrap();
    assert!((20 * MEBIBYTE..20 * MEBIBYTE + 200).contains(&size), "{size}");
}

#[tokio::test]
async fn twenty_mebibytes_are_stored_near_their_size_in_memory_and_a_hit_equals_its_miss() {
    let loads = Loads::default();
    let cache = memory(30 * MEBIBYTE).codec(MessagePack).build_lazy().unwrap();
    for _ in 0..2 {
        assert!(image_of(&cache, &loads).await == image());
    }
    assert_eq!(loads.count(), 1);
}

#[tokio::test]
async fn bytes_that_are_a_whole_value_are_as_well() {
    let cache = memory(30 * MEBIBYTE).codec(MessagePack).build_lazy().unwrap();
    let bytes = ByteBuf::from(image().pixels);
    cache.entry("bytes").ttl(TTL).set(&bytes).await.unwrap();
    assert!(cache.entry::<ByteBuf>("bytes").peek().await.unwrap() == Some(bytes));
}

#[tokio::test]
async fn an_entry_of_another_codec_is_a_miss() {
    let (server, log) = (RedisServer::start(), Log::open());
    let json = server.cache().await;
    let messagepack = server.cache_builder().codec(MessagePack).build().await.unwrap();
    json.entry("k").ttl(TTL).set(&1).await.unwrap();
    assert_eq!(messagepack.entry::<u8>("k").peek().await.unwrap(), None);
    messagepack.entry("k").ttl(TTL).set(&2).await.unwrap();
    assert_eq!(messagepack.entry("k").peek().await.unwrap(), Some(2));
    assert_eq!(json.entry::<u8>("k").peek().await.unwrap(), None);
    assert_eq!(log.events(Level::WARN).len(), 0);
}

#[tokio::test]
async fn a_value_that_messagepack_cannot_hold_is_served_and_the_warning_says_why() {
    let (log, loads) = (Log::open(), Loads::default());
    let cache = CacheFence::builder().in_memory().codec(MessagePack).build_lazy().unwrap();
    for _ in 0..2 {
        let load = || async {
            let _running = loads.begin();
            Ok::<_, Infallible>(Some(None::<u8>))
        };
        assert_eq!(cache.get_or_set("k", TTL, load).await.unwrap(), Some(None));
    }
    assert_eq!(loads.count(), 2);
    let said = log.events(Level::WARN);
    assert!(said[0].message.contains("MessagePack has one nil"), "{said:?}");
}
