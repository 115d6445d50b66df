//! No companion.

use super::*;

#[tokio::test]
async fn leaves_its_name_free() {
    #[cachefence(key = "free-name:<id>", ttl = 60, entry = false)]
    async fn user(id: u64) -> u64 {
        id
    }

    fn user_entry() -> &'static str {
        "mine"
    }

    assert_eq!(user(1).await, 1);
    assert_eq!(user_entry(), "mine");
}
