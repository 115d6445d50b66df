//! Functions.

use std::time::Duration;

use super::*;

static BODIES: AtomicU32 = AtomicU32::new(0);

async fn plain(id: u64) -> String {
    ran(&BODIES);
    format!("user {id}")
}

#[cachefence(key = "free:<id>", ttl = 60)]
async fn cached(id: u64) -> String {
    ran(&BODIES);
    format!("user {id}")
}

#[tokio::test]
async fn a_free_function() {
    assert_twins(&BODIES, async || plain(42).await, async || cached(42).await).await;
}

#[tokio::test]
async fn a_function_inside_a_function() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        async fn inner(id: u64) -> u64 {
            ran(&BODIES);
            id + 1
        }
        inner(id).await
    }

    async fn cached(id: u64) -> u64 {
        #[cachefence(key = "nested:<id>", ttl = 60)]
        async fn inner(id: u64) -> u64 {
            ran(&BODIES);
            id + 1
        }
        inner(id).await
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_function_inside_an_annotated_function() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        async fn inner(id: u64) -> u64 {
            id + 1
        }
        ran(&BODIES);
        inner(id).await * 2
    }

    #[cachefence(key = "nest:<id>", ttl = 60)]
    async fn cached(id: u64) -> u64 {
        #[cachefence(key = "nest:inner:<id>", ttl = 60)]
        async fn inner(id: u64) -> u64 {
            id + 1
        }
        ran(&BODIES);
        inner(id).await * 2
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_function_without_arguments() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain() -> u64 {
        ran(&BODIES);
        42
    }

    #[cachefence(key = "answer", ttl = 60)]
    async fn cached() -> u64 {
        ran(&BODIES);
        42
    }

    assert_twins(&BODIES, async || plain().await, async || cached().await).await;
}

#[tokio::test]
async fn a_function_that_is_visible_in_its_crate() {
    mod users {
        use super::*;

        pub(super) static BODIES: AtomicU32 = AtomicU32::new(0);

        pub(crate) async fn plain(id: u64) -> u64 {
            ran(&BODIES);
            id
        }

        #[cachefence(key = "visible:<id>", ttl = 60)]
        pub(crate) async fn cached(id: u64) -> u64 {
            ran(&BODIES);
            id
        }
    }

    assert_twins(&users::BODIES, async || users::plain(1).await, async || users::cached(1).await)
        .await;
    assert_eq!(users::cached_entry(1).key(), "visible:1");
}

#[tokio::test]
async fn a_function_with_a_raw_name() {
    use plain::BODIES;

    mod plain {
        use super::*;

        pub(super) static BODIES: AtomicU32 = AtomicU32::new(0);

        pub(super) async fn r#match(r#type: u64) -> u64 {
            ran(&BODIES);
            r#type
        }
    }

    #[cachefence(key = "raw:<type>", ttl = 60)]
    async fn r#match(r#type: u64) -> u64 {
        ran(&BODIES);
        r#type
    }

    assert_twins(&BODIES, async || plain::r#match(1).await, async || r#match(1).await).await;
    assert_eq!(match_entry(1).key(), "raw:1");
}

#[tokio::test]
async fn a_function_with_other_attributes() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    /// Loads a user.
    #[must_use]
    #[inline]
    #[allow(non_snake_case)]
    async fn plain(userId: u64) -> u64 {
        ran(&BODIES);
        userId
    }

    /// Loads a user.
    #[must_use]
    #[inline]
    #[cachefence(key = "attributes:<userId>", ttl = 60)]
    #[allow(non_snake_case)]
    async fn cached(userId: u64) -> u64 {
        ran(&BODIES);
        userId
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_function_below_another_attribute_macro() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[tracing::instrument(skip_all, fields(id))]
    async fn plain(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        Ok(id)
    }

    #[tracing::instrument(skip_all, fields(id))]
    #[cachefence(key = "instrumented:below:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_function_above_another_attribute_macro() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[tracing::instrument(err)]
    async fn plain(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        Ok(id)
    }

    #[cachefence(key = "instrumented:above:<id>", ttl = 60)]
    #[tracing::instrument(err)]
    async fn cached(id: u64) -> Result<u64, String> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_function_of_one_configuration() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> u64 {
        ran(&BODIES);
        id
    }

    #[cfg(test)]
    #[cachefence(key = "cfg:<id>", ttl = 60)]
    async fn cached(id: u64) -> u64 {
        ran(&BODIES);
        id
    }

    #[cachefence(key = "cfg:<id>", ttl = 60)]
    #[cfg(not(test))]
    async fn cached(id: u64) -> NoSuchType {
        id
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(cached_entry(1).key(), "cfg:1");
}

#[tokio::test]
async fn a_function_that_calls_itself() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(n: u64) -> u64 {
        if n == 0 {
            ran(&BODIES);
            return 1;
        }
        n * Box::pin(plain(n - 1)).await
    }

    #[cachefence(key = "factorial:<n>", ttl = 60)]
    async fn cached(n: u64) -> u64 {
        if n == 0 {
            ran(&BODIES);
            return 1;
        }
        n * Box::pin(cached(n - 1)).await
    }

    assert_twins(&BODIES, async || plain(5).await, async || cached(5).await).await;
}

#[tokio::test]
async fn a_function_that_a_macro_writes() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    macro_rules! functions {
        ($vis:vis $plain:ident, $cached:ident($id:ident: $of:ty) -> $to:ty, $key:literal, $ttl:expr, $value:expr) => {
            $vis async fn $plain($id: $of) -> $to {
                ran(&BODIES);
                $value
            }

            #[cachefence(key = $key, ttl = $ttl)]
            $vis async fn $cached($id: $of) -> $to {
                ran(&BODIES);
                $value
            }
        };
    }
    functions!(pub(super) plain, cached(id: u64) -> Result<u64, String>, "by-macro:<id>", 60, Ok(id));

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(cached_entry(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn options_that_await_or_return() {
    async fn find_ttl(id: u64) -> Duration {
        Duration::from_secs(id)
    }

    #[cachefence(key = "awaits:<id>", ttl = find_ttl(id).await, entry = false)]
    async fn awaits(id: u64) -> u64 {
        id
    }

    #[cachefence(key = "asks:<id>", ttl = given(id)?, entry = false)]
    async fn asks(id: u64) -> Result<u64, String> {
        Ok(id)
    }

    fn given(id: u64) -> Result<Duration, String> {
        if id == 0 { Err("no ttl".to_owned()) } else { Ok(Duration::from_secs(id)) }
    }

    assert_eq!(awaits(60).await, 60);
    assert_eq!(asks(60).await, Ok(60));
    assert_eq!(asks(0).await, Err("no ttl".to_owned()));
}
