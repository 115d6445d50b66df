//! Arguments.

use super::*;

#[tokio::test]
async fn a_str() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(name: &str) -> usize {
        ran(&BODIES);
        name.len()
    }

    #[cachefence(key = "str:<name>", ttl = 60)]
    async fn cached(name: &str) -> usize {
        ran(&BODIES);
        name.len()
    }

    assert_twins(&BODIES, async || plain("ann lee").await, async || cached("ann lee").await).await;
    assert_eq!(cached_entry("ann lee").key(), "str:ann%20lee");
}

#[tokio::test]
async fn slices() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(ids: &[u64], names: &[String]) -> usize {
        ran(&BODIES);
        ids.len() + names.len()
    }

    #[cachefence(key = "slices:<ids>:<names>", ttl = 60)]
    async fn cached(ids: &[u64], names: &[String]) -> usize {
        ran(&BODIES);
        ids.len() + names.len()
    }

    let names = ["a".to_owned(), "b".to_owned()];
    assert_twins(
        &BODIES,
        async || plain(&[1, 2], &names).await,
        async || cached(&[1, 2], &names).await,
    )
    .await;
    assert_eq!(cached_entry(&[1, 2], &names).key(), "slices:(1,2,):(a,b,)");
}

#[tokio::test]
async fn options_and_collections() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(page: Option<u8>, tags: Vec<&str>, by: &BTreeMap<String, bool>) -> usize {
        ran(&BODIES);
        usize::from(page.unwrap_or(0)) + tags.len() + by.len()
    }

    #[cachefence(key = "collections:<page>:<tags>:<by>", ttl = 60)]
    async fn cached(page: Option<u8>, tags: Vec<&str>, by: &BTreeMap<String, bool>) -> usize {
        ran(&BODIES);
        usize::from(page.unwrap_or(0)) + tags.len() + by.len()
    }

    let by = BTreeMap::from([("age".to_owned(), true)]);
    assert_twins(
        &BODIES,
        async || plain(None, vec!["x"], &by).await,
        async || cached(None, vec!["x"], &by).await,
    )
    .await;
}

#[tokio::test]
async fn a_skipped_impl_trait() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(source: impl Iterator<Item = u64>, id: u64) -> u64 {
        ran(&BODIES);
        source.sum::<u64>() + id
    }

    #[cachefence(key = "impl-skipped:<id>", ttl = 60, skip(source))]
    async fn cached(source: impl Iterator<Item = u64>, id: u64) -> u64 {
        ran(&BODIES);
        source.sum::<u64>() + id
    }

    assert_twins(
        &BODIES,
        async || plain([1, 2].into_iter(), 3).await,
        async || cached([1, 2].into_iter(), 3).await,
    )
    .await;
    assert_eq!(cached_entry(3).key(), "impl-skipped:3");
}

#[tokio::test]
async fn an_impl_trait_in_the_key() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(name: impl AsRef<str>) -> usize {
        ran(&BODIES);
        name.as_ref().len()
    }

    #[cachefence(key = "impl-key:<name.as_ref()>", ttl = 60)]
    async fn cached(name: impl AsRef<str>) -> usize {
        ran(&BODIES);
        name.as_ref().len()
    }

    assert_twins(&BODIES, async || plain("ann").await, async || cached("ann".to_owned()).await)
        .await;
    assert_eq!(cached_entry("ann").key(), "impl-key:ann");
}

#[tokio::test]
async fn skipped_functions_and_trait_objects() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(
        load: impl AsyncFn(u64) -> u64,
        log: &(dyn Fn(u64) + Sync),
        double: fn(u64) -> u64,
        id: u64,
    ) -> u64 {
        ran(&BODIES);
        log(id);
        double(load(id).await)
    }

    #[cachefence(key = "functions:<id>", ttl = 60, skip(load, log, double))]
    async fn cached(
        load: impl AsyncFn(u64) -> u64,
        log: &(dyn Fn(u64) + Sync),
        double: fn(u64) -> u64,
        id: u64,
    ) -> u64 {
        ran(&BODIES);
        log(id);
        double(load(id).await)
    }

    let load = async |id| id + 1;
    assert_twins(
        &BODIES,
        async || plain(load, &|_| {}, |n| n * 2, 3).await,
        async || cached(load, &|_| {}, |n| n * 2, 3).await,
    )
    .await;
}

#[tokio::test]
async fn a_skipped_mutable_reference() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(log: &mut Vec<u64>, id: u64) -> u64 {
        ran(&BODIES);
        log.push(id);
        id
    }

    #[cachefence(key = "mutable:<id>", ttl = 60, skip(log))]
    async fn cached(log: &mut Vec<u64>, id: u64) -> u64 {
        ran(&BODIES);
        log.push(id);
        id
    }

    let (mut one, mut other) = (Vec::new(), Vec::new());
    assert_twins(&BODIES, async || plain(&mut one, 1).await, async || cached(&mut other, 1).await)
        .await;
    assert_eq!(one, other, "the body has written once");
}

#[tokio::test]
async fn a_tuple_pattern() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain((a, b): (u8, u8)) -> u8 {
        ran(&BODIES);
        a + b
    }

    #[cachefence(key = "tuple:<a>:<b>", ttl = 60)]
    async fn cached((a, b): (u8, u8)) -> u8 {
        ran(&BODIES);
        a + b
    }

    assert_twins(&BODIES, async || plain((1, 2)).await, async || cached((1, 2)).await).await;
    assert_eq!(cached_entry((1, 2)).key(), "tuple:1:2");
}

#[tokio::test]
async fn a_struct_pattern() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(Tenant { id, reads: extra }: Tenant) -> u64 {
        ran(&BODIES);
        id + extra
    }

    #[cachefence(key = "struct:<id>", ttl = 60, skip(extra))]
    async fn cached(Tenant { id, reads: extra }: Tenant) -> u64 {
        ran(&BODIES);
        id + extra
    }

    assert_twins(&BODIES, async || plain(TENANT).await, async || cached(TENANT).await).await;
    assert_eq!(cached_entry(TENANT).key(), "struct:7");
}

/// What the pattern leaves out, the body cannot see.
#[tokio::test]
async fn a_struct_pattern_with_a_rest() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(Tenant { id, .. }: Tenant) -> u64 {
        ran(&BODIES);
        id * 2
    }

    #[cachefence(key = "rest:<id>", ttl = 60)]
    async fn cached(Tenant { id, .. }: Tenant) -> u64 {
        ran(&BODIES);
        id * 2
    }

    assert_twins(&BODIES, async || plain(TENANT).await, async || cached(TENANT).await).await;
    assert_eq!(cached_entry(TENANT).key(), "rest:7");
}

#[tokio::test]
async fn nested_patterns() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    struct State<T>(T);

    async fn plain(State((mut a, _)): State<(u8, u8)>, &[b, ref c]: &[u8; 2]) -> u8 {
        ran(&BODIES);
        a += 1;
        a + b + *c
    }

    #[cachefence(key = "nested-pattern:<a>:<b>:<c>", ttl = 60)]
    async fn cached(State((mut a, _)): State<(u8, u8)>, &[b, ref c]: &[u8; 2]) -> u8 {
        ran(&BODIES);
        a += 1;
        a + b + *c
    }

    assert_twins(
        &BODIES,
        async || plain(State((1, 9)), &[2, 3]).await,
        async || cached(State((1, 9)), &[2, 3]).await,
    )
    .await;
    assert_eq!(cached_entry(State((1, 9)), &[2, 3]).key(), "nested-pattern:1:2:3");
}

#[tokio::test]
async fn a_binding_beside_its_pattern() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(whole @ (first, _): (u8, u8)) -> u8 {
        ran(&BODIES);
        whole.1 + first
    }

    #[cachefence(key = "binding:<whole>", ttl = 60, skip(first))]
    async fn cached(whole @ (first, _): (u8, u8)) -> u8 {
        ran(&BODIES);
        whole.1 + first
    }

    assert_twins(&BODIES, async || plain((1, 2)).await, async || cached((1, 2)).await).await;
    assert_eq!(cached_entry((1, 2)).key(), "binding:(1,2,)");
}

#[tokio::test]
async fn an_argument_without_a_name() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(_: &str, id: u64, _: u8) -> u64 {
        ran(&BODIES);
        id
    }

    #[cachefence(key = "wild:<id>", ttl = 60, skip(_))]
    async fn cached(_: &str, id: u64, _: u8) -> u64 {
        ran(&BODIES);
        id
    }

    assert_twins(&BODIES, async || plain("a", 1, 2).await, async || cached("a", 1, 2).await).await;
    assert_eq!(cached_entry(1).key(), "wild:1");
}

#[tokio::test]
async fn mutable_arguments() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(mut id: u64, mut names: Vec<String>) -> String {
        ran(&BODIES);
        id += 1;
        names.push(id.to_string());
        names.concat()
    }

    #[cachefence(key = "mut:<id>:<names>", ttl = 60)]
    async fn cached(mut id: u64, mut names: Vec<String>) -> String {
        ran(&BODIES);
        id += 1;
        names.push(id.to_string());
        names.concat()
    }

    assert_twins(
        &BODIES,
        async || plain(1, vec!["a".to_owned()]).await,
        async || cached(1, vec!["a".to_owned()]).await,
    )
    .await;
    assert_eq!(cached_entry(1, vec![]).key(), "mut:1:()");
}

#[tokio::test]
async fn an_argument_of_one_configuration() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(#[cfg(not(test))] trace: NoSuchType, id: u64) -> u64 {
        ran(&BODIES);
        id
    }

    #[cachefence(key = "cfg-argument:<id>", ttl = 60, skip(trace))]
    async fn cached(#[cfg(not(test))] trace: NoSuchType, id: u64) -> u64 {
        ran(&BODIES);
        id
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn an_argument_of_a_type_of_ones_own() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[derive(Clone, Copy)]
    struct UserId(u64);

    impl Display for UserId {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "u{}", self.0)
        }
    }

    impl cachefence::KeyPart for UserId {
        fn write_part(&self, part: &mut cachefence::PartWriter<'_>) {
            part.display(self);
        }
    }

    async fn plain(id: UserId) -> String {
        ran(&BODIES);
        id.to_string()
    }

    #[cachefence(key = "own:<id>", ttl = 60)]
    async fn cached(id: UserId) -> String {
        ran(&BODIES);
        id.to_string()
    }

    assert_twins(&BODIES, async || plain(UserId(1)).await, async || cached(UserId(1)).await).await;
    assert_eq!(cached_entry(UserId(1)).key(), "own:u1");
}

#[tokio::test]
async fn an_argument_that_is_compiled_out() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64, #[cfg(any())] tenant: &str) -> u64 {
        ran(&BODIES);
        id
    }

    #[cachefence(key = "compiled-out:<id>", ttl = 60)]
    async fn cached(id: u64, #[cfg(any())] tenant: &str) -> u64 {
        ran(&BODIES);
        id
    }

    #[cachefence(key = "compiled-out-key:<id>:<tenant>", ttl = 60)]
    async fn in_the_key(id: u64, #[cfg(not(test))] tenant: &str, #[cfg(test)] tenant: u8) -> u64 {
        id + u64::from(tenant)
    }

    #[cachefence(key = "compiled-out-detached:<id>:<tenant>", ttl = 60, detached)]
    async fn detached(id: u64, #[cfg(any())] tenant: &str) -> u64 {
        id
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(cached_entry(1).key(), "compiled-out:1");
    assert_eq!(in_the_key(1, 2).await, 3);
    assert_eq!(in_the_key_entry(1, 2).key(), "compiled-out-key:1:2");
    assert_eq!(detached(1).await, 1);
    assert_eq!(detached_entry(1).key(), "compiled-out-detached:1:");
}
