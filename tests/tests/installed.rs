//! With a cache that is installed, annotated functions that name none use that one.
//!
//! A process installs one cache, so this is a target, and with it a process, of its own.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::{CacheFence, Error, cachefence};

/// Installed by whichever test comes first.
static CACHE: LazyLock<CacheFence> = LazyLock::new(|| {
    let cache = CacheFence::builder().in_memory().namespace("installed").build_lazy().unwrap();
    cache.install().expect("nothing is installed yet");
    cache
});

static BODIES: AtomicU32 = AtomicU32::new(0);

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> u64 {
    BODIES.fetch_add(1, Ordering::Relaxed);
    id
}

#[tokio::test]
async fn a_call_is_cached_in_it() {
    let cache = &*CACHE;
    assert_eq!(user(1).await, 1);
    assert_eq!(user(1).await, 1);
    assert_eq!(BODIES.load(Ordering::Relaxed), 1);
    assert_eq!(cache.entry::<u64>("user:1").peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_companion_is_of_it() {
    let cache = &*CACHE;
    user_entry(2).set(&20).await.unwrap();
    assert_eq!(user_entry(2).key(), "installed:user:2");
    assert_eq!(cache.entry::<u64>("user:2").peek().await.unwrap(), Some(20));
}

#[tokio::test]
async fn a_function_that_names_another_cache_does_not_use_it() {
    #[cachefence(key = "other:<id>", ttl = 60, cache = other, skip(other))]
    async fn other_user(other: &CacheFence, id: u64) -> u64 {
        id
    }

    let (installed, other) = (&*CACHE, CacheFence::in_memory());
    assert_eq!(other_user(&other, 1).await, 1);
    assert_eq!(other.entry::<u64>("other:1").peek().await.unwrap(), Some(1));
    assert_eq!(installed.entry::<u64>("other:1").peek().await.unwrap(), None);
}

#[tokio::test]
async fn inside_a_scope_it_is_not_used() {
    #[cachefence(key = "scoped:<id>", ttl = 60)]
    async fn number(id: u64) -> u64 {
        id
    }

    let (installed, scoped) = (&*CACHE, CacheFence::in_memory());
    let inside = async {
        number(3).await;
        assert_eq!(number_entry(3).key(), "scoped:3", "the namespace is that of the scope's cache");
    };
    scoped.scope(inside).await;
    assert_eq!(scoped.entry::<u64>("scoped:3").peek().await.unwrap(), Some(3));
    assert_eq!(installed.entry::<u64>("scoped:3").peek().await.unwrap(), None);
}

#[test]
fn a_second_install_is_refused() {
    LazyLock::force(&CACHE);
    let error = CacheFence::in_memory().install().unwrap_err();
    assert!(matches!(error, Error::AlreadyInstalled), "{error}");
    assert!(matches!(CACHE.install(), Err(Error::AlreadyInstalled)), "not even the same one");
}
