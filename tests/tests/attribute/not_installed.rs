//! Without a cache that is installed, annotated functions use one in memory, with one warning.
//!
//! The stand-in is the process's, so the target `attribute` installs no cache.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fmt};

use cachefence::{CacheFence, Error, cachefence};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static BODIES: AtomicU32 = AtomicU32::new(0);

#[cachefence(key = "user:<id>", ttl = 60)]
async fn user(id: u64) -> u64 {
    BODIES.fetch_add(1, Ordering::Relaxed);
    id
}

#[tokio::test]
async fn a_call_is_cached_all_the_same() {
    assert_eq!(user(1).await, 1);
    assert_eq!(user(1).await, 1);
    assert_eq!(BODIES.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn functions_share_the_stand_in() {
    #[cachefence(key = "user:<id>", ttl = 60)]
    async fn same_user(id: u64) -> u64 {
        id
    }

    user_entry(2).set(&20).await.unwrap();
    assert_eq!(same_user(2).await, 20);
}

#[tokio::test]
async fn an_install_after_a_call_is_refused() {
    user_entry(3).peek().await.unwrap();
    let error = CacheFence::in_memory().install().unwrap_err();
    assert!(matches!(error, Error::AlreadyInstalled), "{error}");
}

/// Shows the warnings that the library gives to `tracing`, where that feature is on; where it is off, the library
/// writes to the standard error by itself.
struct ToStderr;

impl Subscriber for ToStderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        struct Message;
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    eprintln!("{value:?}");
                }
            }
        }
        event.record(&mut Message);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Runs in a process of its own, this program once more, because the warning comes once per process.
#[tokio::test]
async fn the_stand_in_is_warned_of_once() {
    const CHILD: &str = "CACHEFENCE_TEST_WARNED_OF_ONCE";

    if env::var_os(CHILD).is_some() {
        tracing::subscriber::set_global_default(ToStderr).unwrap();
        for id in 0..3 {
            user(id).await;
        }
        return;
    }
    let Output { status, stderr, .. } = Command::new(env::current_exe().unwrap())
        .args(["--exact", "not_installed::the_stand_in_is_warned_of_once", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{stderr}");
    assert_eq!(stderr.matches("no default cache is installed").count(), 1, "{stderr}");
}
