//! An annotated function returns what its plain twin returns, from its body and from the cache alike.
//!
//! Each test has a function without the attribute and the same function with it; see `shapes`.

#![allow(clippy::unnecessary_wraps, clippy::unused_async)] // the bodies are as short as can be

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::io;
use std::sync::atomic::AtomicU32;

use cachefence::cachefence;
use cachefence_tests::{assert_twins, ran};

use serde::{Deserialize, Serialize};

/// Declares a `plain` and a `cached` function that return `$value`, and asserts that they are twins.
macro_rules! assert_returns {
    ($key:literal, $to:ty, $value:expr) => {{
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain() -> $to {
            ran(&BODIES);
            $value
        }

        #[cachefence(key = $key, ttl = 60)]
        async fn cached() -> $to {
            ran(&BODIES);
            $value
        }

        assert_twins(&BODIES, async || plain().await, async || cached().await).await;
    }};
}

#[tokio::test]
async fn a_struct() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        id: u64,
        name: Option<String>,
    }

    assert_returns!("struct", User, User { id: 1, name: None });
}

#[tokio::test]
async fn an_enum() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Circle(u32),
    }

    assert_returns!("enum", Shape, Shape::Circle(1));
}

#[tokio::test]
async fn a_unit() {
    assert_returns!("unit", (), ());
}

#[tokio::test]
async fn a_tuple() {
    assert_returns!("tuple", (u8, String, [bool; 2]), (1, "a".to_owned(), [true, false]));
}

#[tokio::test]
async fn a_vec() {
    assert_returns!("vec", Vec<Vec<u8>>, vec![vec![], vec![1]]);
}

#[tokio::test]
async fn a_map() {
    assert_returns!("map", HashMap<u32, String>, HashMap::from([(1, "a".to_owned())]));
}

#[tokio::test]
async fn some() {
    assert_returns!("some", Option<u64>, Some(1));
}

#[tokio::test]
async fn none() {
    assert_returns!("none", Option<u64>, None);
}

#[tokio::test]
async fn large_integers() {
    assert_returns!("large", (u64, i64, u128), (u64::MAX, i64::MIN, u128::MAX));
}

#[tokio::test]
async fn text_of_any_kind() {
    assert_returns!("text", String, "\0 \u{1F600} \" \\ \u{FFFF}".to_owned());
}

/// Every one of these has a shortest decimal form that a parser gets wrong if it rounds twice.
#[tokio::test]
async fn floats_to_the_last_bit() {
    const FLOATS: [f64; 6] = [
        0.1 + 0.2,
        31.245_270_191_439_438,
        121.487_919_511_619_45,
        100.783_996_582_031_25,
        2.638_344_616_030_823e-256,
        f64::MIN_POSITIVE,
    ];

    assert_returns!("floats", Vec<f64>, FLOATS.to_vec());
}

#[tokio::test]
async fn a_result() {
    assert_returns!("result", Result<u64, String>, Ok(1));
}

#[tokio::test]
async fn a_result_by_its_path() {
    assert_returns!("result-path", ::std::result::Result<u64, std::fmt::Error>, Ok(1));
}

#[tokio::test]
async fn a_result_of_an_option() {
    assert_returns!("result-option", Result<Option<u64>, String>, Ok(None));
}

#[tokio::test]
async fn a_result_of_nothing() {
    assert_returns!("result-unit", std::fmt::Result, Ok(()));
}

#[tokio::test]
async fn a_result_that_cannot_fail() {
    assert_returns!("infallible", Result<u64, std::convert::Infallible>, Ok(1));
}

#[tokio::test]
async fn an_io_result() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> io::Result<u64> {
        ran(&BODIES);
        Ok(id)
    }

    #[cachefence(key = "io:<id>", ttl = 60)]
    async fn cached(id: u64) -> io::Result<u64> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await.unwrap(), async || cached(1).await.unwrap())
        .await;
    assert_eq!(cached_entry(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn an_alias_whose_name_ends_with_result() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    type ApiResult<T> = Result<T, String>;

    async fn plain(id: u64) -> ApiResult<u64> {
        ran(&BODIES);
        Ok(id)
    }

    #[cachefence(key = "api-result:<id>", ttl = 60)]
    async fn cached(id: u64) -> ApiResult<u64> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
    assert_eq!(cached_entry(1).peek().await.unwrap(), Some(1));
}

#[tokio::test]
async fn an_alias_of_another_name() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    type Api<T> = Result<T, String>;

    async fn plain(id: u64) -> Api<u64> {
        ran(&BODIES);
        Ok(id)
    }

    #[cachefence(key = "api:<id>", ttl = 60, entry = false)]
    async fn cached(id: u64) -> Api<u64> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await, async || cached(1).await).await;
}

#[tokio::test]
async fn a_boxed_error() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain(id: u64) -> Result<u64, Box<dyn Error + Send + Sync>> {
        ran(&BODIES);
        Ok(id)
    }

    #[cachefence(key = "boxed:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, Box<dyn Error + Send + Sync>> {
        ran(&BODIES);
        Ok(id)
    }

    assert_twins(&BODIES, async || plain(1).await.unwrap(), async || cached(1).await.unwrap())
        .await;
}

#[tokio::test]
async fn an_error_that_implements_nothing() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    struct Opaque;

    async fn plain(id: u64) -> Result<u64, Opaque> {
        ran(&BODIES);
        if id == 0 { Err(Opaque) } else { Ok(id) }
    }

    #[cachefence(key = "opaque:<id>", ttl = 60)]
    async fn cached(id: u64) -> Result<u64, Opaque> {
        ran(&BODIES);
        if id == 0 { Err(Opaque) } else { Ok(id) }
    }

    assert_twins(&BODIES, async || plain(1).await.ok(), async || cached(1).await.ok()).await;
    assert!(cached(0).await.is_err());
}

#[tokio::test]
async fn an_error_of_any_type() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    async fn plain<E: From<String>>(id: u64) -> Result<u64, E> {
        ran(&BODIES);
        if id == 0 { Err("zero".to_owned().into()) } else { Ok(id) }
    }

    #[cachefence(key = "any-error:<id>", ttl = 60, skip(E))]
    async fn cached<E: From<String>>(id: u64) -> Result<u64, E> {
        ran(&BODIES);
        if id == 0 { Err("zero".to_owned().into()) } else { Ok(id) }
    }

    assert_twins(&BODIES, async || plain::<String>(1).await, async || cached::<String>(1).await)
        .await;
    assert_eq!(cached::<String>(0).await, Err("zero".to_owned()));
}

#[tokio::test]
async fn an_alias_of_a_plain_type() {
    type SearchResult = Vec<u64>;

    assert_returns!("search-result", SearchResult, vec![1]);
}

/// Neither can the attribute see the `impl`'s parameters, nor need an error be `'static`.
#[tokio::test]
async fn an_error_that_is_a_parameter_of_the_impl() {
    struct Source<E>(Option<E>);

    impl<E: Clone + std::fmt::Debug> Source<E> {
        #[cachefence(key = "impl-parameter", ttl = 60, skip(self))]
        async fn get(&self) -> Result<u8, E> {
            self.0.clone().map_or(Ok(1), Err)
        }
    }

    trait Fails {
        type Error;
    }

    impl<'a> Fails for Source<&'a str> {
        type Error = &'a str;
    }

    impl Source<&str> {
        #[cachefence(key = "impl-associated", ttl = 60, skip(self))]
        async fn fails(&self) -> Result<u8, <Self as Fails>::Error> {
            self.0.map_or(Ok(1), Err)
        }
    }

    let text = String::from("down");
    let source = Source(Some(text.as_str()));
    assert_eq!(source.get().await, Err("down"));
    assert_eq!(source.fails().await, Err("down"));
    assert_eq!(Source::<&str>(None).get().await, Ok(1));
}
