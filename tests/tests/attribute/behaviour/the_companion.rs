//! The companion.

use super::*;

#[cachefence(key = "companion:<id>", ttl = 60)]
async fn user(id: u64) -> Result<String, io::Error> {
    Ok(format!("user {id}"))
}

#[tokio::test]
async fn it_names_the_key() {
    assert_eq!(user_entry(1).key(), "companion:1");
}

#[tokio::test]
async fn it_runs_nothing() {
    assert_eq!(user_entry(2).peek().await.unwrap(), None);
}

#[tokio::test]
async fn it_peeks_at_what_a_call_has_cached() {
    let value = user(3).await.unwrap();
    assert_eq!(user_entry(3).peek().await.unwrap(), Some(value));
}

#[tokio::test]
async fn it_sets_what_a_call_is_served() {
    user_entry(4).set(&"another".to_owned()).await.unwrap();
    assert_eq!(user(4).await.unwrap(), "another");
}

#[tokio::test]
async fn it_invalidates_what_a_call_has_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "invalidated", ttl = 60)]
    async fn count() -> u32 {
        BODIES.ran()
    }

    assert_eq!(count().await, 1);
    count_entry().invalidate().await.unwrap();
    assert_eq!(count_entry().peek().await.unwrap(), None);
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn it_is_as_visible_as_the_function() {
    mod outer {
        use super::*;

        pub(in super::super) mod inner {
            use super::*;

            #[cachefence(key = "visibility:<id>", ttl = 60)]
            pub(in super::super) async fn user(id: u64) -> u64 {
                id
            }
        }
    }

    assert_eq!(outer::inner::user(1).await, 1);
    assert_eq!(outer::inner::user_entry(1).key(), "visibility:1");
}

#[tokio::test]
async fn it_takes_what_the_key_the_cache_and_the_times_read() {
    struct State {
        cache: CacheFence,
    }

    #[cachefence(key = "takes:<id>", ttl = Duration::from_secs(*ttl), cache = state.cache, skip(db, state, ttl))]
    async fn user(db: &str, state: &State, id: u64, ttl: &u64) -> String {
        format!("{db} {id}")
    }

    let state = State { cache: CacheFence::in_memory() };
    assert_eq!(user("db", &state, 1, &60).await, "db 1");
    let entry = user_entry(&state, 1, &60);
    assert_eq!(entry.peek().await.unwrap(), Some("db 1".to_owned()));
}

#[tokio::test]
async fn it_infers_what_the_function_infers() {
    #[cachefence(key = "inferred:<a>:<b.as_ref()>", ttl = 60)]
    async fn text<A: cachefence::KeyPart>(a: A, b: impl AsRef<str>) -> String {
        b.as_ref().to_owned()
    }

    assert_eq!(text(1, "x").await, "x");
    assert_eq!(text_entry(1, "x").key(), "inferred:1:x");
}

type Answer<T> = Result<T, String>;
type UserAnswer = Result<u64, String>;

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct SearchResult<T> {
    hits: Vec<T>,
}

#[tokio::test]
async fn it_holds_what_is_stored_under_an_alias_of_result() {
    #[cachefence(key = "aliased:<id>", ttl = 60)]
    async fn aliased(id: u64) -> Answer<u64> {
        Ok(id)
    }

    #[cachefence(key = "aliased-whole:<id>", ttl = 60)]
    async fn whole(id: u64) -> UserAnswer {
        Ok(id)
    }

    assert_eq!(aliased(1).await, Ok(1));
    assert_eq!(aliased_entry(1).peek().await.unwrap(), Some(1));
    assert_eq!(whole(2).await, Ok(2));
    assert_eq!(whole_entry(2).peek().await.unwrap(), Some(2));
}

#[tokio::test]
async fn it_holds_a_struct_that_is_named_like_a_result() {
    #[cachefence(key = "named-like:<id>", ttl = 60)]
    async fn search(id: u64) -> SearchResult<u64> {
        SearchResult { hits: vec![id] }
    }

    let found = search(1).await;
    assert_eq!(search_entry(1).peek().await.unwrap(), Some(found));
}

#[tokio::test]
async fn it_holds_the_type_that_is_written() {
    #[cachefence(key = "written:<id>", ttl = 60, skip(T), entry = T)]
    async fn row<T: From<u64> + serde::Serialize + serde::de::DeserializeOwned>(
        id: u64,
    ) -> Answer<T> {
        Ok(T::from(id))
    }

    assert_eq!(row::<u64>(1).await, Ok(1));
    assert_eq!(row_entry::<u64>(1).peek().await.unwrap(), Some(1));
}
