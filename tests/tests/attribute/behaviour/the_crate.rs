//! The crate.

use super::*;

mod framework {
    pub(super) mod reexported {
        #[doc(hidden)]
        pub(in super::super) use cachefence::__private;
        pub(in super::super) use cachefence::*;
    }
    pub(super) use ::cachefence as fence;
}

#[tokio::test]
async fn may_have_another_name() {
    static BODIES: Bodies = Bodies::new();

    #[framework::fence::cachefence(key = "renamed:<id>", ttl = 60, crate = framework::fence)]
    async fn user(id: u64) -> u64 {
        BODIES.ran();
        id
    }

    assert_eq!(user(1).await, 1);
    assert_eq!(user(1).await, 1);
    assert_eq!(BODIES.count(), 1);
    assert_eq!(user_entry(1).key(), "renamed:1");
}

#[tokio::test]
async fn may_be_a_module_that_reexports_it() {
    #[framework::reexported::cachefence(key = "reexported:<id>", ttl = 60, crate = framework::reexported)]
    async fn user(id: u64) -> Result<u64, String> {
        Ok(id)
    }

    assert_eq!(user(1).await, Ok(1));
    assert_eq!(user_entry(1).peek().await.unwrap(), Some(1));
}
