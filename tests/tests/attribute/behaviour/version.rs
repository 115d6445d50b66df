//! `version`.

use super::*;

#[tokio::test]
async fn a_version_is_the_end_of_the_key() {
    #[cachefence(key = "ends-in-an-argument:<id>", ttl = 60, version = 2)]
    async fn argument(id: Option<u8>) -> u8 {
        id.unwrap_or(9)
    }

    #[cachefence(key = "ends-in-text:<id>:x", ttl = 60, version = 0)]
    async fn text(id: u8) -> u8 {
        id
    }

    assert_eq!(argument_entry(Some(1)).key(), "ends-in-an-argument:1~v2");
    assert_eq!(argument_entry(None).key(), "ends-in-an-argument:~~v2");
    assert_eq!(text_entry(1).key(), "ends-in-text:1:x~v0");
    assert_eq!(argument(None).await, 9);
    assert_eq!(argument_entry(None).peek().await.unwrap(), Some(9));
    assert_eq!(text(1).await, 1);
    assert_eq!(text_entry(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn entries_of_another_version_are_other_entries() {
    mod last_release {
        use super::*;

        #[cachefence(key = "user-of:<id>", ttl = 60)]
        pub(super) async fn user(id: u64) -> u64 {
            id
        }
    }

    #[cachefence(key = "user-of:<id>", ttl = 60, version = 2)]
    async fn user(id: u64) -> String {
        format!("user {id}")
    }

    for _ in 0..2 {
        assert_eq!(last_release::user(1).await, 1);
        assert_eq!(user(1).await, "user 1");
    }
    user_entry(1).invalidate().await.unwrap();
    assert_eq!(user_entry(1).peek().await.unwrap(), None);
    let other = last_release::user_entry(1).peek().await.unwrap();
    assert_eq!(other, Some(1), "an invalidation is of one version");
}

#[tokio::test]
async fn a_version_stands_before_the_hash_of_a_type() {
    struct Repo<T>(T);

    impl<T> Repo<T> {
        #[cachefence(key = "versioned:<id>", ttl = 60, version = 12)]
        async fn versioned(id: u8) -> u8 {
            id
        }
    }

    let entry = Repo::<u8>::versioned_entry(1);
    assert!(entry.key().starts_with("versioned:1~v12~"), "{}", entry.key());
    assert_eq!(Repo::<u8>::versioned(1).await, 1);
    assert_eq!(entry.peek().await.unwrap(), Some(1));
}
