//! Methods below `#[async_trait]`, which has made functions that return a boxed future of them by the time the attribute
//! sees them.

use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::*;

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_method_of_a_reference() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Load {
        async fn load_plain(&self, name: &str, id: u64) -> Option<u64>;
        async fn load(&self, name: &str, id: u64) -> Option<u64>;
    }

    #[async_trait]
    impl Load for Tenant {
        async fn load_plain(&self, name: &str, id: u64) -> Option<u64> {
            ran(&BODIES);
            Some(self.id + id + u64::try_from(name.len()).ok()?)
        }

        #[cachefence(key = "boxed:<self.id>:<name>:<id>", ttl = 60, entry = false)]
        async fn load(&self, name: &str, id: u64) -> Option<u64> {
            ran(&BODIES);
            Some(self.id + id + u64::try_from(name.len()).ok()?)
        }
    }

    let tenant = TENANT;
    assert_twins(
        &BODIES,
        async || tenant.load_plain("ann", 1).await,
        async || is_send(tenant.load("ann", 1)).await,
    )
    .await;
    // A trait object is what the crate is for.
    let object: &dyn Load = &tenant;
    assert_eq!(object.load("ann", 1).await, Some(11));
}

#[tokio::test]
async fn a_method_that_its_trait_provides() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Double {
        fn id(&self) -> u64;

        async fn double_plain(&self) -> Result<u64, String> {
            ran(&BODIES);
            Ok(self.id() * 2)
        }

        #[cachefence(key = "boxed-provided:<self.id()>", ttl = 60)]
        async fn double(&self) -> Result<u64, String> {
            ran(&BODIES);
            Ok(self.id() * 2)
        }
    }

    impl Double for Tenant {
        fn id(&self) -> u64 {
            self.id
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.double_plain().await, async || tenant.double().await)
        .await;
    let entry = tenant.double_entry();
    assert_eq!(entry.key(), "boxed-provided:7");
    assert_eq!(entry.peek().await.unwrap(), Some(14));
}

#[tokio::test]
async fn a_method_of_an_arc_with_bounds() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Find<K> {
        async fn find_plain(self: Arc<Self>, key: K, mut extra: u64) -> Result<u64, String>;
        async fn find(self: Arc<Self>, key: K, mut extra: u64) -> Result<u64, String>;
    }

    #[async_trait]
    impl<K: Display + Send + Sync + 'static> Find<K> for Tenant {
        async fn find_plain(self: Arc<Self>, key: K, mut extra: u64) -> Result<u64, String> {
            ran(&BODIES);
            extra += self.id;
            key.to_string().parse::<u64>().map(|id| id + extra).map_err(|error| error.to_string())
        }

        #[cachefence(
            key = "boxed-arc:<self.id>:<key.to_string()>:<extra>",
            ttl = 60,
            entry = false
        )]
        async fn find(self: Arc<Self>, key: K, mut extra: u64) -> Result<u64, String> {
            ran(&BODIES);
            extra += self.id;
            key.to_string().parse::<u64>().map(|id| id + extra).map_err(|error| error.to_string())
        }
    }

    let tenant = Arc::new(TENANT);
    assert_twins(
        &BODIES,
        async || Arc::clone(&tenant).find_plain("1", 2).await,
        async || Arc::clone(&tenant).find("1", 2).await,
    )
    .await;
}

/// What the pattern binds is out of sight, but not the whole.
#[tokio::test]
async fn a_method_with_a_pattern() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Add {
        async fn add_plain(&self, pair: (u64, u64)) -> u64;
        async fn add(&self, pair: (u64, u64)) -> u64;
    }

    #[async_trait]
    impl Add for Tenant {
        async fn add_plain(&self, (a, b): (u64, u64)) -> u64 {
            ran(&BODIES);
            self.id + a + b
        }

        #[cachefence(key = "boxed-pattern:<self.id>:<__arg1>", ttl = 60, entry = false)]
        async fn add(&self, (a, b): (u64, u64)) -> u64 {
            ran(&BODIES);
            self.id + a + b
        }
    }

    let tenant = TENANT;
    assert_twins(
        &BODIES,
        async || tenant.add_plain((1, 2)).await,
        async || tenant.add((1, 2)).await,
    )
    .await;
}

#[tokio::test]
async fn a_method_that_mutates_and_returns_nothing() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Touch {
        async fn touch_plain(&mut self);
        async fn touch(&mut self);
    }

    #[async_trait]
    impl Touch for Tenant {
        async fn touch_plain(&mut self) {
            ran(&BODIES);
            self.reads += 1;
        }

        #[cachefence(key = "boxed-mut:<self.id>", ttl = 60, entry = false)]
        async fn touch(&mut self) {
            ran(&BODIES);
            self.reads += 1;
        }
    }

    let mut tenant = TENANT;
    tenant.touch_plain().await;
    tenant.touch().await;
    tenant.touch().await;
    assert_eq!((tenant.reads, BODIES.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test]
async fn a_method_whose_future_is_not_send() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait(?Send)]
    trait Count {
        async fn count_plain(&self, by: Rc<u64>) -> u64;
        async fn count(&self, by: Rc<u64>) -> u64;
    }

    #[async_trait(?Send)]
    impl Count for Tenant {
        async fn count_plain(&self, by: Rc<u64>) -> u64 {
            ran(&BODIES);
            self.id + *by
        }

        #[cachefence(key = "boxed-local:<self.id>:<by>", ttl = 60, entry = false)]
        async fn count(&self, by: Rc<u64>) -> u64 {
            ran(&BODIES);
            self.id + *by
        }
    }

    let tenant = TENANT;
    assert_twins(
        &BODIES,
        async || tenant.count_plain(Rc::new(1)).await,
        async || tenant.count(Rc::new(1)).await,
    )
    .await;
}

#[tokio::test]
async fn a_method_with_another_attribute_macro() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Load {
        async fn load_plain(&self, id: u64) -> Result<u64, String>;
        async fn load_above(&self, id: u64) -> Result<u64, String>;
        async fn load_below(&self, id: u64) -> Result<u64, String>;
    }

    #[async_trait]
    impl Load for Tenant {
        #[tracing::instrument]
        async fn load_plain(&self, id: u64) -> Result<u64, String> {
            ran(&BODIES);
            Ok(self.id + id)
        }

        #[cachefence(key = "boxed-above:<self.id>:<id>", ttl = 60, entry = false)]
        #[tracing::instrument]
        async fn load_above(&self, id: u64) -> Result<u64, String> {
            ran(&BODIES);
            Ok(self.id + id)
        }

        #[tracing::instrument]
        #[cachefence(key = "boxed-below:<self.id>:<id>", ttl = 60, entry = false)]
        async fn load_below(&self, id: u64) -> Result<u64, String> {
            ran(&BODIES);
            Ok(self.id + id)
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.load_plain(1).await, async || tenant.load_above(1).await)
        .await;
    BODIES.store(0, Ordering::Relaxed);
    assert_twins(&BODIES, async || tenant.load_plain(1).await, async || tenant.load_below(1).await)
        .await;
}

/// The companion is left out by itself where it may stand in an `impl`.
#[tokio::test]
async fn a_method_of_an_impl_that_says_nothing_of_a_companion() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[async_trait]
    trait Load {
        async fn load_plain(&self, id: u64) -> u64;
        async fn load(&self, id: u64) -> u64;
    }

    #[async_trait]
    impl Load for Tenant {
        async fn load_plain(&self, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }

        #[cachefence(key = "boxed-unsaid:<self.id>:<id>", ttl = 60)]
        async fn load(&self, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.load_plain(1).await, async || tenant.load(1).await).await;
}

#[tokio::test]
async fn a_trait_with_a_provided_method_has_objects() {
    #[async_trait]
    trait Provided {
        fn id(&self) -> u64;

        #[cachefence(key = "boxed-object:<self.id()>", ttl = 60)]
        async fn provided(&self) -> u64 {
            self.id()
        }

        // Nothing is read from `self`.
        #[cachefence(key = "boxed-object-skipped:<name>:<of>", ttl = 60, skip(self))]
        async fn skipped<K: cachefence::KeyPart + Send + Sync>(&self, name: &str, of: K) -> usize
        where
            Self: Sized,
        {
            let _ = of;
            name.len()
        }
    }

    impl Provided for Tenant {
        fn id(&self) -> u64 {
            self.id
        }
    }

    let object: &(dyn Provided + Sync) = &TENANT;
    assert_eq!(object.provided().await, 7);
    assert_eq!(TENANT.provided_entry().peek().await.unwrap(), Some(7));
    assert_eq!(TENANT.skipped("ann", 1_u8).await, 3);
    assert_eq!(Tenant::skipped_entry("ann", 1_u8).peek().await.unwrap(), Some(3));
}

/// Where the trait's own bounds hide that it provides the method, the companion is asked for.
#[tokio::test]
async fn a_provided_method_of_a_trait_with_supertraits_has_the_companion_that_is_asked_for() {
    #[async_trait]
    trait Provided: Send + Sync {
        fn id(&self) -> u64;

        #[cachefence(key = "boxed-supertraits:<self.id()>", ttl = 60)]
        async fn unsaid(&self) -> u64 {
            self.id()
        }

        #[cachefence(key = "boxed-supertraits:<self.id()>", ttl = 60, entry = true)]
        async fn asked(&self) -> u64 {
            self.id()
        }
    }

    impl Provided for Tenant {
        fn id(&self) -> u64 {
            self.id
        }
    }

    let object: &dyn Provided = &TENANT;
    assert_eq!(object.unsaid().await, 7);
    assert_eq!(object.asked().await, 7);
    assert_eq!(TENANT.asked_entry().peek().await.unwrap(), Some(7));
}

/// What `#[async_trait]` writes can be written by hand.
#[tokio::test]
async fn a_function_that_returns_a_boxed_future() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    type Lent<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

    fn plain(name: &str) -> Lent<'_, usize> {
        Box::pin(async move {
            ran(&BODIES);
            name.len()
        })
    }

    #[cachefence(key = "boxed-by-hand:<name>", ttl = 60)]
    fn cached(name: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move {
            ran(&BODIES);
            name.len()
        })
    }

    assert_twins(&BODIES, async || plain("ann").await, async || cached("ann").await).await;
    assert_eq!(cached_entry("ann").peek().await.unwrap(), Some(3));
}
