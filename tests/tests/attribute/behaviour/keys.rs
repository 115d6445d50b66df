//! Keys.

use super::*;

#[tokio::test]
async fn different_arguments_have_different_entries() {
    #[cachefence(key = "different:<a>:<b>:<c>", ttl = 60)]
    async fn join(a: &str, b: Option<&str>, c: &[&str]) -> String {
        format!("{a:?} {b:?} {c:?}")
    }

    let arguments: [(&str, Option<&str>, &[&str]); 12] = [
        ("", None, &[]),
        ("", Some(""), &[]),
        ("", Some("~"), &[]),
        ("", None, &[""]),
        ("", None, &["", ""]),
        ("", None, &["a", "b"]),
        ("", None, &["a,b"]),
        ("", None, &["(a,b,)"]),
        ("a:", Some("b"), &[]),
        ("a", Some(":b"), &[]),
        ("a:b", None, &[]),
        ("a%3Ab", None, &[]),
    ];
    for _ in 0..2 {
        for (a, b, c) in arguments {
            assert_eq!(join(a, b, c).await, format!("{a:?} {b:?} {c:?}"));
        }
    }
}

#[tokio::test]
async fn functions_of_one_template_share_their_entries() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "same:<id>", ttl = 60)]
    async fn one(id: u64) -> u64 {
        BODIES.ran();
        id
    }

    #[cachefence(key = "same:<user_id>", ttl = 60)]
    async fn other(user_id: u32) -> u64 {
        BODIES.ran();
        u64::from(user_id)
    }

    assert_eq!(one(1).await, 1);
    assert_eq!(other(1).await, 1);
    assert_eq!(BODIES.count(), 1);
}

#[tokio::test]
async fn a_skipped_argument_is_left_out() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "skip:<id>", ttl = 60, skip(trace))]
    async fn user(id: u64, trace: &str) -> String {
        BODIES.ran();
        format!("{id} {trace}")
    }

    assert_eq!(user(1, "a").await, "1 a");
    assert_eq!(user(1, "b").await, "1 a");
    assert_eq!(BODIES.count(), 1);
    assert_eq!(user_entry(1).key(), "skip:1");
}

#[tokio::test]
async fn braces_and_doubled_brackets_are_literal() {
    #[cachefence(key = "{org:<org>}:<<user>>:<id>", ttl = 60)]
    async fn user(org: u64, id: u64) -> u64 {
        org + id
    }

    assert_eq!(user(1, 2).await, 3);
    assert_eq!(user_entry(1, 2).key(), "{org:1}:<user>:2");
}

#[tokio::test]
async fn fields_and_methods_are_read() {
    struct Org {
        ids: (u64, u64),
        name: String,
    }

    impl Org {
        fn slug(&self) -> String {
            self.name.to_lowercase()
        }
    }

    #[cachefence(key = "fields:<org.ids.1>:<org.name.len()>:<org.slug()>", ttl = 60)]
    async fn users(org: &Org) -> u64 {
        org.ids.0
    }

    let org = Org { ids: (1, 2), name: "ACME".to_owned() };
    assert_eq!(users(&org).await, 1);
    assert_eq!(users_entry(&org).key(), "fields:2:4:acme");
}

#[tokio::test]
async fn a_long_key_is_cached_like_any_other() {
    static BODIES: Bodies = Bodies::new();

    #[cachefence(key = "long:<name>", ttl = 60)]
    async fn length(name: &str) -> (usize, u32) {
        (name.len(), BODIES.ran())
    }

    let name = "n".repeat(1_000_000);
    assert_eq!(length(&name).await, (name.len(), 1));
    assert_eq!(length(&name).await, (name.len(), 1));
    assert_eq!(length(&name[1..]).await, (name.len() - 1, 2));
    let entry = length_entry(&name);
    assert!(entry.key().starts_with("long:nnn"), "{}", entry.key());
    assert!(entry.key().len() < MAX_WHOLE_KEY_BYTES + 80, "{}", entry.key());
    entry.invalidate().await.unwrap();
    assert_eq!(length(&name).await, (name.len(), 3));
}

#[tokio::test]
async fn a_value_that_cannot_be_displayed_costs_the_cache_and_not_the_result() {
    static BODIES: Bodies = Bodies::new();

    #[derive(Clone, Copy)]
    struct Id(u32);

    impl fmt::Display for Id {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if self.0 < 10 { write!(f, "{}", self.0) } else { Err(fmt::Error) }
        }
    }

    impl KeyPart for Id {
        fn write_part(&self, part: &mut PartWriter<'_>) {
            part.display(self);
        }
    }

    #[cachefence(key = "silent:<ids>", ttl = 60)]
    async fn sum(ids: &[Id]) -> u32 {
        BODIES.ran();
        ids.iter().map(|id| id.0).sum()
    }

    assert_eq!(sum(&[Id(1), Id(2)]).await, 3);
    assert_eq!(sum(&[Id(10), Id(2)]).await, 12);
    assert_eq!(sum(&[Id(20), Id(2)]).await, 22, "both write the same");
    let error = sum_entry(&[Id(20), Id(2)]).peek().await.unwrap_err();
    assert!(matches!(error, Error::Key(_)), "{error}");
}
