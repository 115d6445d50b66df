//! What is cached.

use super::*;

#[tokio::test]
async fn an_error_is_never_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "errors:<id>", ttl = 60)]
    async fn find(id: u64) -> Result<u64, String> {
        BODIES.ran();
        Err(format!("no user {id}"))
    }

    for call in 1..=3 {
        assert_eq!(find(1).await, Err("no user 1".to_owned()));
        assert_eq!(BODIES.count(), call);
    }
    assert_eq!(find_entry(1).peek().await.unwrap(), None);
}

#[tokio::test]
async fn an_error_of_an_alias_is_never_cached() {
    static BODIES: Bodies = Bodies::new();

    type Api<T> = Result<T, String>;

    #[cachefence(key = "api-errors:<id>", ttl = 60, entry = false)]
    async fn find(id: u64) -> Api<u64> {
        BODIES.ran();
        Err(format!("no user {id}"))
    }

    for call in 1..=3 {
        assert_eq!(find(1).await, Err("no user 1".to_owned()));
        assert_eq!(BODIES.count(), call);
    }
}

#[tokio::test]
async fn an_io_error_is_never_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "io-errors", ttl = 60)]
    async fn read() -> io::Result<u64> {
        BODIES.ran();
        Err(io::ErrorKind::NotFound.into())
    }

    for call in 1..=3 {
        assert_eq!(read().await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(BODIES.count(), call);
    }
}

#[tokio::test]
async fn a_value_after_an_error_is_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "after-error", ttl = 60)]
    async fn second_time() -> Result<u32, String> {
        match BODIES.ran() {
            1 => Err("the first time".to_owned()),
            body => Ok(body),
        }
    }

    assert!(second_time().await.is_err());
    assert_eq!(second_time().await, Ok(2));
    assert_eq!(second_time().await, Ok(2));
}

#[tokio::test]
async fn none_is_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "none:<id>", ttl = 60)]
    async fn find(id: u64) -> Option<u64> {
        BODIES.ran();
        None
    }

    assert_eq!(find(1).await, None);
    assert_eq!(find(1).await, None);
    assert_eq!(BODIES.count(), 1);
    assert_eq!(find_entry(1).peek().await.unwrap(), Some(None), "there, and none");
}

#[tokio::test]
async fn ok_none_is_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "ok-none", ttl = 60)]
    async fn find() -> Result<Option<u64>, String> {
        BODIES.ran();
        Ok(None)
    }

    assert_eq!(find().await, Ok(None));
    assert_eq!(find().await, Ok(None));
    assert_eq!(BODIES.count(), 1);
}

#[tokio::test]
async fn an_error_inside_a_value_is_part_of_the_value() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "inside", ttl = 60)]
    async fn outcome() -> Option<Result<u64, String>> {
        BODIES.ran();
        Some(Err("known to fail".to_owned()))
    }

    for _ in 0..2 {
        assert_eq!(outcome().await, Some(Err("known to fail".to_owned())));
    }
    assert_eq!(BODIES.count(), 1);
}

/// JSON has no map whose keys are lists.
#[tokio::test]
async fn a_value_that_cannot_be_encoded_is_served_and_not_cached() {
    use std::collections::BTreeMap;

    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "unencodable", ttl = 60)]
    async fn map() -> BTreeMap<Vec<u8>, u32> {
        BTreeMap::from([(vec![1], BODIES.ran())])
    }

    for body in 1..=2 {
        assert_eq!(map().await, BTreeMap::from([(vec![1], body)]));
    }
}

/// JSON has one null: it would come back as `None`.
#[tokio::test]
async fn a_value_that_would_come_back_as_another_is_served_and_not_cached() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "setting:<id>", ttl = 60)]
    async fn setting(id: u32) -> Option<Option<u32>> {
        BODIES.ran();
        [None, Some(None), Some(Some(1))][id as usize]
    }

    for (id, value, bodies) in [(0, None, 1), (1, Some(None), 3), (2, Some(Some(1)), 4)] {
        assert_eq!([setting(id).await, setting(id).await], [value, value]);
        assert_eq!(BODIES.count(), bodies);
    }
    let refused = setting_entry(1).set(&Some(None)).await;
    assert!(matches!(refused, Err(Error::Encode(_))), "{refused:?}");
}
