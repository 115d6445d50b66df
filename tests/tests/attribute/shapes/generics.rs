//! Generics.

use super::*;

#[tokio::test]
async fn parameters_with_bounds() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<T: Display + Copy>(id: T) -> String {
        ran(&BODIES);
        format!("{id}")
    }

    #[cachefence(key = "bounds:<id.to_string()>", ttl = 60)]
    async fn cached<T: Display + Copy>(id: T) -> String {
        ran(&BODIES);
        format!("{id}")
    }

    assert_twins(&BODIES, async || plain(1_u8).await, async || cached(1_u8).await).await;
    assert_eq!(cached_entry("a").key(), "bounds:a");
}

#[tokio::test]
async fn a_parameter_that_is_a_key_part() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<K: cachefence::KeyPart + Display>(id: K) -> String {
        ran(&BODIES);
        format!("{id}")
    }

    #[cachefence(key = "part:<id>", ttl = 60)]
    async fn cached<K: cachefence::KeyPart + Display>(id: K) -> String {
        ran(&BODIES);
        format!("{id}")
    }

    assert_twins(&BODIES, async || plain("a").await, async || cached("a").await).await;
    assert_eq!(cached_entry(5).key(), "part:5");
}

#[tokio::test]
async fn a_where_clause() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<T, U>(id: T, from: U) -> Result<String, U::Error>
    where
        T: Display,
        U: TryInto<u8>,
    {
        ran(&BODIES);
        Ok(format!("{id} {}", from.try_into()?))
    }

    #[cachefence(key = "where:<id.to_string()>", ttl = 60, skip(from))]
    async fn cached<T, U>(id: T, from: U) -> Result<String, U::Error>
    where
        T: Display,
        U: TryInto<u8>,
    {
        ran(&BODIES);
        Ok(format!("{id} {}", from.try_into()?))
    }

    assert_twins(&BODIES, async || plain(1, 2_u64).await, async || cached(1, 2_u64).await).await;
    assert_eq!(cached_entry(1).key(), "where:1");
}

#[tokio::test]
async fn a_parameter_that_only_the_result_names() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<T: From<u8> + Serialize + DeserializeOwned>(id: u8) -> T {
        ran(&BODIES);
        id.into()
    }

    #[cachefence(key = "result:<id>", ttl = 60, skip(T))]
    async fn cached<T: From<u8> + Serialize + DeserializeOwned>(id: u8) -> T {
        ran(&BODIES);
        id.into()
    }

    assert_twins(&BODIES, async || plain::<u64>(1).await, async || cached::<u64>(1).await).await;
    assert_eq!(cached_entry::<u64>(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_constant_parameter() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<const N: usize>(ids: [u64; N]) -> Vec<u64> {
        ran(&BODIES);
        ids.iter().map(|id| id * 2).collect()
    }

    #[cachefence(key = "const:<ids>", ttl = 60)]
    async fn cached<const N: usize>(ids: [u64; N]) -> Vec<u64> {
        ran(&BODIES);
        ids.iter().map(|id| id * 2).collect()
    }

    assert_twins(&BODIES, async || plain([1, 2]).await, async || cached([1, 2]).await).await;
    assert_eq!(cached_entry([1, 2, 3]).key(), "const:(1,2,3,)");
}

#[tokio::test]
async fn named_lifetimes() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<'a, 'b: 'a>(first: &'a str, second: &'b str) -> String {
        ran(&BODIES);
        let shorter: &'a str = second;
        format!("{first}{shorter}")
    }

    #[cachefence(key = "named:<first>:<second>", ttl = 60)]
    async fn cached<'a, 'b: 'a>(first: &'a str, second: &'b str) -> String {
        ran(&BODIES);
        let shorter: &'a str = second;
        format!("{first}{shorter}")
    }

    let owned = "a".to_owned();
    assert_twins(&BODIES, async || plain(&owned, "b").await, async || cached(&owned, "b").await)
        .await;
    assert_eq!(cached_entry("a", "b").key(), "named:a:b");
}

#[tokio::test]
async fn elided_lifetimes() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    struct View<'a>(&'a str);

    async fn plain(view: View<'_>, other: &View<'_>) -> String {
        ran(&BODIES);
        format!("{}{}", view.0, other.0)
    }

    #[cachefence(key = "elided:<view.0>:<other.0>", ttl = 60)]
    async fn cached(view: View<'_>, other: &View<'_>) -> String {
        ran(&BODIES);
        format!("{}{}", view.0, other.0)
    }

    assert_twins(
        &BODIES,
        async || plain(View("a"), &View("b")).await,
        async || cached(View("a"), &View("b")).await,
    )
    .await;
    assert_eq!(cached_entry(View("a"), &View("b")).key(), "elided:a:b");
}

/// None of these says that what it returns is `'static`; see also `ui/returns/a_parameter_of_an_impl`.
#[tokio::test]
async fn parameters_of_an_impl() {
    static BODIES: AtomicU32 = AtomicU32::new(0);
    static ROWS: AtomicU32 = AtomicU32::new(0);

    trait Database {
        type Row;
    }

    struct Postgres;

    impl Database for Postgres {
        type Row = String;
    }

    struct Repo<T, Db: Database>(T, Db::Row);

    impl<T, Db: Database> Repo<T, Db>
    where
        T: Clone + Send + Sync + Serialize + DeserializeOwned,
        Db::Row: Clone + Send + Sync + Serialize + DeserializeOwned,
    {
        async fn plain(&self, _: u64) -> Option<T> {
            ran(&BODIES);
            Some(self.0.clone())
        }

        #[cachefence(key = "item:<id>", ttl = 60, skip(self))]
        async fn cached(&self, id: u64) -> Option<T> {
            let _ = id;
            ran(&BODIES);
            Some(self.0.clone())
        }

        async fn plain_row(&self, _: u64) -> Result<Vec<Db::Row>, String> {
            ran(&ROWS);
            Ok(vec![self.1.clone()])
        }

        #[cachefence(key = "row:<id>", ttl = 60, skip(self))]
        async fn cached_row(&self, id: u64) -> Result<Vec<Db::Row>, String> {
            let _ = id;
            ran(&ROWS);
            Ok(vec![self.1.clone()])
        }
    }

    let repo = Repo::<_, Postgres>(7_u32, "row".to_owned());
    assert_twins(&BODIES, async || repo.plain(1).await, async || repo.cached(1).await).await;
    assert_twins(&ROWS, async || repo.plain_row(1).await, async || repo.cached_row(1).await).await;
}

/// What is borrowed is written to the cache, and what comes back is owned.
#[tokio::test]
async fn a_hidden_lifetime() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)] // which is what it is about
    async fn plain(title: &str) -> Cow<str> {
        ran(&BODIES);
        Cow::Borrowed(title)
    }

    #[allow(elided_lifetimes_in_paths, mismatched_lifetime_syntaxes)]
    #[cachefence(key = "slug:<title>", ttl = 60, entry = false)]
    async fn cached(title: &str) -> Cow<str> {
        ran(&BODIES);
        Cow::Borrowed(title)
    }

    let title = "title".to_owned();
    assert_twins(&BODIES, async || plain(&title).await, async || cached(&title).await).await;
}

#[tokio::test]
async fn parameters_that_the_bounds_of_a_where_clause_determine() {
    #[cachefence(key = "fetched:<id>", ttl = 60, skip(fetch))]
    async fn fetched<K, V, F, Fut, E>(id: K, fetch: F) -> Result<V, E>
    where
        K: cachefence::KeyPart + PartialEq<F>,
        V: serde::Serialize + serde::de::DeserializeOwned + Clone,
        F: Fn(&K) -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        fetch(&id).await
    }

    struct Id(u8);
    impl cachefence::KeyPart for Id {
        fn write_part(&self, part: &mut cachefence::PartWriter<'_>) {
            self.0.write_part(part);
        }
    }
    impl<F> PartialEq<F> for Id {
        fn eq(&self, _: &F) -> bool {
            false
        }
    }

    assert_eq!(fetched(Id(7), |id: &Id| std::future::ready(Ok::<u8, String>(id.0))).await, Ok(7));
    let entry: cachefence::Entry<u8> = fetched_entry(Id(7));
    assert_eq!(entry.key(), "fetched:7");
}
