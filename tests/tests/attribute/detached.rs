//! Functions whose loads run in tasks of their own: what can be an argument, and how often it is copied.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachefence::{CacheFence, cachefence};
use cachefence_tests::{Log, Stop, settle};
use tokio::time::timeout;

/// Counts how often it is cloned.
#[derive(Default)]
struct Db {
    clones: Arc<AtomicUsize>,
    name: &'static str,
}

impl Clone for Db {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::SeqCst);
        Self { clones: Arc::clone(&self.clones), name: self.name }
    }
}

impl Db {
    fn clones(&self) -> usize {
        self.clones.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_are_copied_once_by_the_call_that_begins_a_load() {
    #[cachefence(key = "copied:<id>", ttl = 60, detached, cache = cache, skip(cache, db, stop))]
    async fn load(cache: &CacheFence, db: &Db, stop: &Arc<Stop>, id: u64) -> u64 {
        assert_eq!(db.name, "users");
        stop.pass().await;
        id
    }
    let (cache, stop) = (CacheFence::in_memory(), Stop::new());
    let db = Db { name: "users", ..Db::default() };
    let calls: Vec<_> = (0..10)
        .map(|_| {
            // Each caller has its own, which counts for all.
            let db = Db { clones: Arc::clone(&db.clones), name: db.name };
            let (cache, stop) = (cache.clone(), Arc::clone(&stop));
            tokio::spawn(async move { load(&cache, &db, &stop, 7).await })
        })
        .collect();
    settle().await;
    assert_eq!(db.clones(), 1, "no joiner copies");
    stop.go();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7);
    }
    for _ in 0..10 {
        assert_eq!(load(&cache, &db, &stop, 7).await, 7);
    }
    assert_eq!(db.clones(), 1, "no hit copies");
}

#[tokio::test(start_paused = true)]
async fn what_the_body_does_not_read_is_not_copied() {
    #[cachefence(key = "unread:<id>", ttl = 60, detached, cache = cache, skip(cache, _db))]
    async fn load(cache: &CacheFence, _db: &Db, id: u64) -> u64 {
        id
    }
    let (cache, db) = (CacheFence::in_memory(), Db::default());
    assert_eq!(load(&cache, &db, 7).await, 7);
    assert_eq!(db.clones(), 0);
}

/// A service, as one finds it.
#[derive(Clone)]
struct Service {
    cache: CacheFence,
    name: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

trait Load<T> {
    fn load(&self, id: u64) -> impl Future<Output = T> + Send;
}

impl Load<String> for Service {
    #[cachefence(key = "trait:<id>", ttl = 60, detached, cache = self.cache, skip(self), entry = false)]
    async fn load(&self, id: u64) -> String {
        format!("{self}:{id}")
    }
}

#[async_trait::async_trait]
trait Boxed {
    async fn get(&self, id: &str) -> io::Result<String>;
}

#[async_trait::async_trait]
impl Boxed for Service {
    #[cachefence(key = "boxed:<id>", ttl = 60, detached, cache = self.cache, skip(self), entry = false)]
    async fn get(&self, id: &str) -> io::Result<String> {
        Ok(format!("{}:{id}", self.name))
    }
}

impl Service {
    #[cachefence(key = "borrowed:<id>", ttl = 60, detached, cache = self.cache, skip(self))]
    async fn borrowed(&self, id: u64) -> String {
        fn inner(service: &Service) -> &str {
            &service.name
        }
        let closure = |id: u64| format!("{self} {} {id}", inner(self));
        closure(id)
    }

    #[cachefence(key = "shared:<id>", ttl = 60, detached, cache = self.cache, skip(self))]
    async fn shared(self: Arc<Self>, id: u64) -> String {
        format!("{}:{id}", self.name)
    }

    #[cachefence(key = "borrowed-shared:<id>", ttl = 60, detached, cache = self.cache, skip(self))]
    async fn borrowed_shared(self: &Arc<Self>, id: u64) -> String {
        let also: Arc<Self> = Arc::clone(self);
        format!("{}:{id}", also.name)
    }

    #[cachefence(key = "owned:<id>", ttl = 60, detached, cache = self.cache, skip(self))]
    async fn owned(mut self, mut id: u64) -> String {
        self.name.push('!');
        id += 1;
        format!("{self}:{id}")
    }
}

#[tokio::test]
async fn methods() {
    let service = Service { cache: CacheFence::in_memory(), name: "users".to_owned() };
    let shared = Arc::new(service.clone());
    for _ in 0..2 {
        assert_eq!(service.load(1).await, "users:1");
        assert_eq!(Boxed::get(&service, "a").await.unwrap(), "users:a");
        assert_eq!(service.borrowed(1).await, "users users 1");
        assert_eq!(Arc::clone(&shared).shared(1).await, "users:1");
        assert_eq!(shared.borrowed_shared(1).await, "users:1");
        assert_eq!(service.clone().owned(1).await, "users!:2");
    }
    assert_eq!(service.cache.stats().requests.hit, 6);
}

#[cachefence(key = "many:<text>:<bytes>:<maybe>:<cow>:<x>:<y>:<n>:<number>", ttl = 60, detached, cache = cache, skip(cache, f, N))]
#[allow(clippy::too_many_arguments)] // to have them all in one function
async fn many<T: Fn(u64) -> u64 + Send + 'static, const N: usize>(
    cache: &CacheFence,
    text: &str,
    bytes: &[u8],
    maybe: Option<&str>,
    cow: Cow<'_, str>,
    (x, mut y): (u64, u64),
    n: &u64,
    number: impl Into<u64> + Copy + Send + cachefence::KeyPart + 'static,
    f: T,
) -> String {
    y += f(*n) + number.into();
    format!("{text} {bytes:?} {maybe:?} {cow} {x} {y} {N}")
}

#[tokio::test]
async fn arguments() {
    let (cache, borrowed) = (CacheFence::in_memory(), "b c".to_owned());
    for maybe in [None, Some(borrowed.as_str())] {
        let cow = Cow::Borrowed(borrowed.as_str());
        let call = many::<_, 3>(&cache, "a", b"b", maybe, cow, (1, 2), &3, 4_u8, |n| n * 10);
        let expected = format!("a [98] {maybe:?} b c 1 36 3");
        assert_eq!(call.await, expected);
    }
}

#[cachefence(key = "generic:<id>", ttl = 60, detached, cache = cache, skip(cache, source, T))]
async fn generic<T: ToString + Clone + Send + Sync + 'static>(
    cache: &CacheFence,
    source: &T,
    id: u64,
) -> Result<String, &'static str> {
    if id == 0 {
        return Err("no such id");
    }
    let text = [1].iter().map(|_| source.to_string()).collect::<Vec<_>>();
    Ok(text.concat())
}

#[tokio::test]
async fn generics_and_errors() {
    let cache = CacheFence::in_memory();
    assert_eq!(generic(&cache, &7, 1).await, Ok("7".to_owned()));
    assert_eq!(generic(&cache, &7, 0).await, Err("no such id"));
    let spawned = tokio::spawn(async move { generic(&cache, &8, 1).await });
    assert_eq!(spawned.await.unwrap(), Ok("7".to_owned()), "a hit");
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_after_its_caller_has_left() {
    #[cachefence(key = "left:<id>", ttl = 60, detached, cache = cache, skip(cache))]
    async fn load(cache: &CacheFence, id: &str) -> String {
        tokio::time::sleep(Duration::from_secs(1)).await;
        id.to_owned()
    }
    let cache = CacheFence::in_memory();
    {
        let id = "short lived".to_owned();
        assert!(timeout(Duration::from_millis(1), load(&cache, &id)).await.is_err());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(load(&cache, "short lived").await, "short lived");
    assert_eq!(cache.stats().loads.total(), 1);
}

#[tokio::test]
async fn a_load_is_inside_the_span_of_its_caller() {
    #[cachefence(key = "span:<id>", ttl = 60, detached, cache = cache, skip(cache))]
    async fn load(cache: &CacheFence, id: u64) -> u64 {
        tracing::info!(target: "cachefence", "in the body"); // which is what the log of a test catches
        id
    }
    let (log, cache) = (Log::open(), CacheFence::in_memory());
    let span = tracing::info_span!(target: "cachefence", "request");
    tracing::Instrument::instrument(load(&cache, 1), span).await;
    let line =
        log.events(tracing::Level::INFO).into_iter().find(|line| line.message == "in the body");
    let line = line.expect("the body wrote a line");
    let number = |name| log.spans(name)[0].number;
    assert_eq!(line.spans, [number("request"), number("load")], "{line:?}");
}
