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
