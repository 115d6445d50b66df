//! Methods.

use super::*;

#[tokio::test]
async fn a_method_of_a_reference() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn shared_plain(&self, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }

        #[cachefence(key = "by-ref:<self.id>:<id>", ttl = 60)]
        async fn shared(&self, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.shared_plain(1).await, async || tenant.shared(1).await)
        .await;
    assert_eq!(tenant.shared_entry(1).key(), "by-ref:7:1");
}

#[tokio::test]
async fn a_method_of_a_mutable_reference() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn count_plain(&mut self) -> u64 {
            ran(&BODIES);
            self.reads += 1;
            self.reads
        }

        #[cachefence(key = "by-mut:<self.id>", ttl = 60)]
        async fn count(&mut self) -> u64 {
            ran(&BODIES);
            self.reads += 1;
            self.reads
        }
    }

    let (mut one, mut other) = (TENANT, TENANT);
    assert_twins(&BODIES, async || one.count_plain().await, async || other.count().await).await;
    assert_eq!(one, other, "the body changes its receiver once");
}

#[tokio::test]
async fn a_method_of_an_arc() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn arc_plain(self: Arc<Self>, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }

        #[cachefence(key = "by-arc:<self.id>:<id>", ttl = 60)]
        async fn arc(self: Arc<Self>, id: u64) -> u64 {
            ran(&BODIES);
            self.id + id
        }
    }

    let tenant = Arc::new(TENANT);
    assert_twins(
        &BODIES,
        async || Arc::clone(&tenant).arc_plain(1).await,
        async || Arc::clone(&tenant).arc(1).await,
    )
    .await;
}

#[tokio::test]
async fn a_method_of_a_reference_to_an_arc() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn arc_ref_plain(self: &Arc<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }

        #[cachefence(key = "by-arc-ref:<self.id>", ttl = 60)]
        async fn arc_ref(self: &Arc<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }
    }

    let tenant = Arc::new(TENANT);
    assert_twins(&BODIES, async || tenant.arc_ref_plain().await, async || tenant.arc_ref().await)
        .await;
}

#[tokio::test]
async fn a_method_of_a_box() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn boxed_plain(self: Box<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }

        #[cachefence(key = "by-box:<self.id>", ttl = 60)]
        async fn boxed(self: Box<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }
    }

    let tenant = || Box::new(TENANT);
    assert_twins(&BODIES, async || tenant().boxed_plain().await, async || tenant().boxed().await)
        .await;
}

#[tokio::test]
async fn a_method_of_an_rc() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn rc_plain(self: Rc<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }

        #[cachefence(key = "by-rc:<self.id>", ttl = 60)]
        async fn rc(self: Rc<Self>) -> u64 {
            ran(&BODIES);
            self.id
        }
    }

    let tenant = Rc::new(TENANT);
    assert_twins(
        &BODIES,
        async || Rc::clone(&tenant).rc_plain().await,
        async || Rc::clone(&tenant).rc().await,
    )
    .await;
}

#[tokio::test]
async fn a_method_of_a_pinned_reference() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn pinned_plain(self: Pin<&Self>) -> u64 {
            ran(&BODIES);
            self.id
        }

        #[cachefence(key = "by-pin:<self.id>", ttl = 60)]
        async fn pinned(self: Pin<&Self>) -> u64 {
            ran(&BODIES);
            self.id
        }
    }

    let tenant = TENANT;
    assert_twins(
        &BODIES,
        async || Pin::new(&tenant).pinned_plain().await,
        async || Pin::new(&tenant).pinned().await,
    )
    .await;
}

#[tokio::test]
async fn a_method_of_a_value() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn consume_plain(mut self) -> u64 {
            ran(&BODIES);
            self.reads += self.id;
            self.reads
        }

        #[cachefence(key = "by-value:<self.id>", ttl = 60)]
        async fn consume(mut self) -> u64 {
            ran(&BODIES);
            self.reads += self.id;
            self.reads
        }
    }

    assert_twins(&BODIES, async || TENANT.consume_plain().await, async || TENANT.consume().await)
        .await;
    assert_eq!(TENANT.consume_entry().key(), "by-value:7");
}

#[tokio::test]
async fn a_method_whose_receiver_is_skipped() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn skipped_plain(&self, id: u64) -> u64 {
            ran(&BODIES);
            id
        }

        #[cachefence(key = "skipped-self:<id>", ttl = 60, skip(self))]
        async fn skipped(&self, id: u64) -> u64 {
            ran(&BODIES);
            id
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.skipped_plain(1).await, async || tenant.skipped(1).await)
        .await;
    // Nothing that the companion needs is read from a tenant, so it takes none.
    assert_eq!(Tenant::skipped_entry(1).key(), "skipped-self:1");
}

#[tokio::test]
async fn an_associated_function() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    impl Tenant {
        async fn find_plain(id: u64) -> u64 {
            ran(&BODIES);
            id
        }

        #[cachefence(key = "associated:<id>", ttl = 60)]
        async fn find(id: u64) -> u64 {
            ran(&BODIES);
            id
        }
    }

    assert_twins(&BODIES, async || Tenant::find_plain(1).await, async || Tenant::find(1).await)
        .await;
    assert_eq!(Tenant::find_entry(1).key(), "associated:1");
}

#[tokio::test]
async fn a_function_that_returns_self() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Row(u64);

    impl Row {
        async fn load_plain(id: u64) -> Result<Self, String> {
            ran(&BODIES);
            Ok(Self(id))
        }

        #[cachefence(key = "self:<id>", ttl = 60)]
        async fn load(id: u64) -> Result<Self, String> {
            ran(&BODIES);
            Ok(Self(id))
        }
    }

    assert_twins(&BODIES, async || Row::load_plain(1).await, async || Row::load(1).await).await;
    assert_eq!(Row::load_entry(1).peek().await.unwrap(), Some(Row(1)));
}

#[tokio::test]
async fn a_method_of_a_generic_impl() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    struct Repository<'a, T, const N: usize> {
        rows: &'a [T; N],
    }

    impl<T: Clone + Serialize + DeserializeOwned, const N: usize> Repository<'_, T, N> {
        async fn row_plain(&self, index: usize) -> Option<T> {
            ran(&BODIES);
            self.rows.get(index).cloned()
        }

        #[cachefence(key = "generic-impl:<index>", ttl = 60, skip(self))]
        async fn row(&self, index: usize) -> Option<T> {
            ran(&BODIES);
            self.rows.get(index).cloned()
        }
    }

    let repository = Repository { rows: &["a".to_owned(), "b".to_owned()] };
    assert_twins(&BODIES, async || repository.row_plain(1).await, async || repository.row(1).await)
        .await;
    assert_eq!(
        Repository::<String, 2>::row_entry(1).peek().await.unwrap(),
        Some(Some("b".to_owned()))
    );
}

#[tokio::test]
async fn a_method_of_a_traits_impl() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    trait Load {
        async fn load_plain(&self, id: u64) -> Option<u64>;
        async fn load(&self, id: u64) -> Option<u64>;
    }

    impl Load for Tenant {
        async fn load_plain(&self, id: u64) -> Option<u64> {
            ran(&BODIES);
            Some(self.id + id)
        }

        #[cachefence(key = "trait:<self.id>:<id>", ttl = 60, entry = false)]
        async fn load(&self, id: u64) -> Option<u64> {
            ran(&BODIES);
            Some(self.id + id)
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.load_plain(1).await, async || tenant.load(1).await).await;
}

#[tokio::test]
async fn a_method_that_its_trait_provides() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    trait Load {
        fn id(&self) -> u64;

        async fn double_plain(&self) -> u64 {
            ran(&BODIES);
            self.id() * 2
        }

        #[cachefence(key = "provided:<self.id()>", ttl = 60)]
        async fn double(&self) -> u64 {
            ran(&BODIES);
            self.id() * 2
        }
    }

    impl Load for Tenant {
        fn id(&self) -> u64 {
            self.id
        }
    }

    let tenant = TENANT;
    assert_twins(&BODIES, async || tenant.double_plain().await, async || tenant.double().await)
        .await;
    assert_eq!(tenant.double_entry().key(), "provided:7");
}

#[tokio::test]
async fn a_method_of_a_generic_traits_impl() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    trait Find<K> {
        type Row;
        async fn find_plain<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
        where
            K: 'a;
        async fn find<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
        where
            K: 'a;
    }

    impl<K: Display> Find<K> for Vec<String> {
        type Row = Vec<String>;

        async fn find_plain<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
        where
            K: 'a,
        {
            ran(&BODIES);
            let key = key.to_string();
            Ok(self.iter().filter(|row| **row == key).cloned().collect())
        }

        #[cachefence(key = "generic-trait:<self>:<key.to_string()>", ttl = 60, entry = false)]
        async fn find<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
        where
            K: 'a,
        {
            ran(&BODIES);
            let key = key.to_string();
            Ok(self.iter().filter(|row| **row == key).cloned().collect())
        }
    }

    let rows = vec!["1".to_owned(), "2".to_owned()];
    assert_twins(&BODIES, async || rows.find_plain(&2).await, async || rows.find(&2).await).await;
}
