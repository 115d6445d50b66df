//! Stale windows, `recompute_timeout` and `refresh`.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A database that can be down, or slow.
#[derive(Default)]
struct Database {
    queries: AtomicU32,
    down: std::sync::atomic::AtomicBool,
    takes: std::sync::Mutex<Duration>,
}

impl Database {
    async fn query(&self) -> io::Result<u32> {
        let takes = *self.takes.lock().unwrap();
        sleep(takes).await;
        let query = self.queries.fetch_add(1, Ordering::SeqCst) + 1;
        if self.down.load(Ordering::SeqCst) {
            return Err(io::Error::other("the database is down"));
        }
        Ok(query)
    }

    fn goes_down(&self) {
        self.down.store(true, Ordering::SeqCst);
    }

    fn queries(&self) -> u32 {
        self.queries.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_stands_in_for_an_error() {
    #[cachefence(key = "if-error", ttl = 60, stale_if_error = "1h", cache = cache, skip(cache, db))]
    async fn get(cache: &CacheFence, db: &Database) -> io::Result<u32> {
        db.query().await
    }

    let (cache, db) = (CacheFence::in_memory(), Database::default());
    assert_eq!(get(&cache, &db).await.unwrap(), 1);
    db.goes_down();
    advance(Duration::from_secs(60)).await;
    for _ in 0..10 {
        assert_eq!(get(&cache, &db).await.unwrap(), 1);
    }
    assert_eq!(db.queries(), 2, "one try in a second");
    advance(Duration::from_secs(3_600)).await;
    assert!(get(&cache, &db).await.is_err(), "the window is over");
}

#[tokio::test(start_paused = true)]
async fn the_window_may_be_an_expression() {
    #[cachefence(key = "window", ttl = 60, stale_if_error = window, cache = cache, skip(cache, db, window))]
    async fn get(cache: &CacheFence, db: &Database, window: Duration) -> io::Result<u32> {
        db.query().await
    }

    let (cache, db) = (CacheFence::in_memory(), Database::default());
    let window = Duration::from_secs(5);
    assert_eq!(get(&cache, &db, window).await.unwrap(), 1);
    db.goes_down();
    advance(Duration::from_secs(64)).await;
    assert_eq!(get(&cache, &db, window).await.unwrap(), 1);
    advance(Duration::from_secs(1)).await;
    assert!(get(&cache, &db, window).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_detached_refresh_is_not_waited_for() {
    #[cachefence(key = "background:<id>", ttl = 60, stale_while_revalidate = 60, detached, cache = cache, skip(cache, db))]
    async fn get(cache: CacheFence, db: Arc<Database>, id: String) -> io::Result<u32> {
        let _ = id;
        db.query().await
    }

    let (cache, db) = (CacheFence::in_memory(), Arc::new(Database::default()));
    let call = || get(cache.clone(), Arc::clone(&db), "a b".to_owned());
    assert_eq!(call().await.unwrap(), 1);
    *db.takes.lock().unwrap() = Duration::from_secs(1);
    advance(Duration::from_secs(61)).await;
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(call().await.unwrap(), 1);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    sleep(Duration::from_secs(2)).await;
    assert_eq!((call().await.unwrap(), db.queries()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_detached_refresh_of_a_plain_value() {
    static BODIES: Bodies = Bodies::new();

    struct Service(CacheFence);

    impl Service {
        #[cachefence(key = "service", ttl = 60, beta = 1e300, detached, cache = self.0, skip(self))]
        async fn get(self: Arc<Self>) -> u32 {
            sleep(Duration::from_secs(1)).await;
            BODIES.ran()
        }
    }

    let service = Arc::new(Service(CacheFence::in_memory()));
    assert_eq!(Arc::clone(&service).get().await, 1);
    let begun = Instant::now();
    assert_eq!(Arc::clone(&service).get().await, 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(Arc::clone(&service).get().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_waited_for_where_there_is_a_stale_value() {
    #[cachefence(key = "slow", ttl = 60, stale_if_error = 600, recompute_timeout = 0.1, cache = cache, skip(cache, db))]
    async fn get(cache: &CacheFence, db: &Database) -> io::Result<u32> {
        db.query().await
    }

    let (cache, db) = (CacheFence::in_memory(), Database::default());
    *db.takes.lock().unwrap() = Duration::from_secs(10);
    let begun = Instant::now();
    assert_eq!(get(&cache, &db).await.unwrap(), 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(10), "there is nothing else");
    advance(Duration::from_secs(60)).await;
    let begun = Instant::now();
    assert_eq!(get(&cache, &db).await.unwrap(), 1);
    assert_eq!(begun.elapsed(), Duration::from_millis(100));
}
