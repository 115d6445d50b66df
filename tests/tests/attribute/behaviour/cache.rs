//! Cache.

use super::*;

/// Whether `key` is in `cache`.
async fn holds(cache: &CacheFence, key: &str) -> bool {
    cache.entry::<u64>(key).peek().await.unwrap().is_some()
}

#[tokio::test]
async fn of_self() {
    struct Users {
        cache: CacheFence,
    }

    impl Users {
        #[cachefence(key = "self:<id>", ttl = 60, cache = self.cache, skip(self))]
        async fn get(&self, id: u64) -> u64 {
            id
        }
    }

    let users = Users { cache: CacheFence::in_memory() };
    users.get(1).await;
    assert!(holds(&users.cache, "self:1").await);
    assert_eq!(users.get_entry(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn of_an_argument() {
    struct State {
        cache: CacheFence,
    }

    #[cachefence(key = "state:<id>", ttl = 60, cache = state.cache, skip(state))]
    async fn user(state: &State, id: u64) -> u64 {
        id
    }

    let state = State { cache: CacheFence::in_memory() };
    user(&state, 1).await;
    assert!(holds(&state.cache, "state:1").await);
}

#[tokio::test]
async fn of_an_argument_by_value() {
    #[cachefence(key = "value:<id>", ttl = 60, cache = cache, skip(cache))]
    async fn user(cache: CacheFence, id: u64) -> u64 {
        drop(cache);
        id
    }

    let cache = CacheFence::in_memory();
    user(cache.clone(), 1).await;
    assert!(holds(&cache, "value:1").await);
}

#[tokio::test]
async fn of_an_arc() {
    #[cachefence(key = "arc:<id>", ttl = 60, cache = cache, skip(cache))]
    async fn user(cache: Arc<CacheFence>, id: u64) -> u64 {
        id
    }

    let cache = Arc::new(CacheFence::in_memory());
    user(Arc::clone(&cache), 1).await;
    assert!(holds(&cache, "arc:1").await);
}

#[tokio::test]
async fn of_a_static() {
    static CACHE: LazyLock<CacheFence> = LazyLock::new(CacheFence::in_memory);

    #[cachefence(key = "static:<id>", ttl = 60, cache = CACHE)]
    async fn user(id: u64) -> u64 {
        id
    }

    user(1).await;
    assert!(holds(&CACHE, "static:1").await);
}

#[tokio::test]
async fn of_a_method() {
    struct Users(CacheFence);

    impl Users {
        fn cache(&self) -> &CacheFence {
            &self.0
        }

        #[cachefence(key = "method:<id>", ttl = 60, cache = self.cache(), skip(self))]
        async fn get(&self, id: u64) -> u64 {
            id
        }
    }

    let users = Users(CacheFence::in_memory());
    users.get(1).await;
    assert!(holds(&users.0, "method:1").await);
}

#[tokio::test]
async fn of_a_choice_of_values() {
    static CACHES: LazyLock<[CacheFence; 2]> =
        LazyLock::new(|| std::array::from_fn(|_| CacheFence::in_memory()));

    #[cachefence(key = "shard:<id>", ttl = 60, cache = CACHES[*id % 2])]
    async fn user(id: &usize) -> u64 {
        7
    }

    user(&1).await;
    assert!(holds(&CACHES[1], "shard:1").await);
    assert!(!holds(&CACHES[0], "shard:1").await);
}

#[tokio::test]
async fn of_a_choice_of_references() {
    struct Users {
        hot: CacheFence,
        cold: CacheFence,
    }

    impl Users {
        #[cachefence(
            key = "choice:<id>",
            ttl = 60,
            cache = if *id < 10 { &self.hot } else { &self.cold },
            skip(self)
        )]
        async fn get(&self, id: &u64) -> u64 {
            7
        }
    }

    let users = Users { hot: CacheFence::in_memory(), cold: CacheFence::in_memory() };
    users.get(&1).await;
    assert!(holds(&users.hot, "choice:1").await);
    assert!(!holds(&users.cold, "choice:1").await);
}

#[tokio::test]
async fn two_caches_do_not_share_entries() {
    #[cachefence(key = "two", ttl = 60, cache = cache, skip(cache, bodies))]
    async fn count(cache: &CacheFence, bodies: &Bodies) -> u32 {
        bodies.ran()
    }

    let (one, other, bodies) =
        (CacheFence::in_memory(), CacheFence::in_memory(), Bodies::default());
    assert_eq!(count(&one, &bodies).await, 1);
    assert_eq!(count(&other, &bodies).await, 2);
    assert_eq!(count(&one, &bodies).await, 1);
}

#[tokio::test]
async fn its_namespace_comes_first_in_the_key() {
    #[cachefence(key = "user:<id>", ttl = 60, cache = cache, skip(cache))]
    async fn user(cache: &CacheFence, id: u64) -> u64 {
        id
    }

    let cache = CacheFence::builder().in_memory().namespace("app").build_lazy().unwrap();
    assert_eq!(user(&cache, 1).await, 1);
    assert_eq!(user_entry(&cache, 1).key(), "app:user:1");
}
