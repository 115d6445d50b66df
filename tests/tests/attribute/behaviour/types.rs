//! Types in keys: what tells two functions apart that differ in nothing but their types.
//!
//! A function and its companion have to agree on it: the companion finds what the function stored.

#![allow(non_local_definitions)] // each test has the functions that it is about
#![allow(dead_code)] // of some of them only the companion is called

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::marker::PhantomData;

use async_trait::async_trait;
use cachefence::Entry;
use serde::{Serialize, de::DeserializeOwned};

use super::*;

trait Table: Send + 'static {
    const NAME: &'static str;
    const KIND: Kind = Kind { id: 7 };
}

struct Kind {
    id: u8,
}

struct Users;
struct Orders;

impl Table for Users {
    const NAME: &'static str = "users";
}

impl Table for Orders {
    const NAME: &'static str = "orders";
}

struct Repo<T>(PhantomData<T>);

/// Asserts that the companion finds the value.
#[track_caller]
fn assert_agree<T: PartialEq + Debug + Clone + Serialize + DeserializeOwned>(
    value: &T,
    entry: &Entry<T>,
) -> impl Future<Output = ()> {
    let found = entry.clone();
    async move { assert_eq!(found.peek().await.unwrap().as_ref(), Some(value), "{}", found.key()) }
}

/// Asserts that the key is `template` and a hash.
#[track_caller]
fn assert_hashed<T>(entry: &Entry<T>, template: &str) {
    let hash = entry.key().strip_prefix(template).and_then(|rest| rest.strip_prefix('~'));
    let is_hash = |hash: &str| {
        hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    assert!(hash.is_some_and(is_hash), "{}", entry.key());
}

#[tokio::test]
async fn a_function_of_a_generic_type_has_an_entry_for_each_type() {
    static BODIES: Bodies = Bodies::new();

    impl<T: Table> Repo<T> {
        #[cachefence(key = "row:<id>", ttl = 30)]
        async fn title(id: u64) -> String {
            BODIES.ran();
            format!("{} {id}", T::NAME)
        }
    }

    for _ in 0..2 {
        assert_eq!(Repo::<Users>::title(1).await, "users 1");
        assert_eq!(Repo::<Orders>::title(1).await, "orders 1");
    }
    assert_eq!(BODIES.count(), 2);
    assert_agree(&"users 1".to_owned(), &Repo::<Users>::title_entry(1)).await;
    assert_agree(&"orders 1".to_owned(), &Repo::<Orders>::title_entry(1)).await;
    assert_hashed(&Repo::<Users>::title_entry(1), "row:1");
}

#[tokio::test]
async fn a_constant_of_a_type_tells_its_functions_apart() {
    struct Page<const SIZE: i8, const BY: char>;

    impl<const SIZE: i8, const BY: char> Page<SIZE, BY> {
        #[cachefence(key = "page:<at>", ttl = 30)]
        async fn at(at: u64) -> String {
            format!("{at} {SIZE} {BY}")
        }
    }

    for _ in 0..2 {
        assert_eq!(Page::<-1, '<'>::at(1).await, "1 -1 <");
        assert_eq!(Page::<-1, '>'>::at(1).await, "1 -1 >");
        assert_eq!(Page::<1, '>'>::at(1).await, "1 1 >");
    }
    assert_agree(&"1 -1 >".to_owned(), &Page::<-1, '>'>::at_entry(1)).await;
}

#[tokio::test]
async fn a_function_that_a_trait_provides_has_an_entry_for_each_type() {
    trait Count: Table + Sized {
        #[cachefence(key = "count:<of>", ttl = 30)]
        async fn count(of: u64) -> String {
            format!("{of} {}", Self::NAME)
        }
    }

    impl Count for Users {}
    impl Count for Orders {}

    for _ in 0..2 {
        assert_eq!(Users::count(1).await, "1 users");
        assert_eq!(Orders::count(1).await, "1 orders");
    }
    assert_agree(&"1 orders".to_owned(), &Orders::count_entry(1)).await;
    assert_hashed(&Orders::count_entry(1), "count:1");
}

#[tokio::test]
async fn the_parameters_of_a_trait_tell_its_functions_apart() {
    trait Load<T: Table> {
        async fn load(id: u64) -> String;
    }

    impl<T: Table> Load<T> for Users {
        #[cachefence(key = "load:<id>", ttl = 30, entry = false)]
        async fn load(id: u64) -> String {
            format!("{id} {}", T::NAME)
        }
    }

    for _ in 0..2 {
        assert_eq!(<Users as Load<Users>>::load(1).await, "1 users");
        assert_eq!(<Users as Load<Orders>>::load(1).await, "1 orders");
    }
}

#[tokio::test]
async fn functions_below_async_trait_have_an_entry_for_each_type() {
    #[async_trait]
    trait Find: Table + Sized {
        async fn find(id: u64) -> String;

        #[cachefence(key = "first:<of>", ttl = 30)]
        async fn first(of: &str) -> String {
            format!("{of} {}", Self::NAME)
        }
    }

    #[async_trait]
    impl<T: Table> Find for T {
        #[cachefence(key = "find:<id>", ttl = 30, entry = false)]
        async fn find(id: u64) -> String {
            format!("{id} {}", T::NAME)
        }
    }

    for _ in 0..2 {
        assert_eq!(Users::find(1).await, "1 users");
        assert_eq!(Orders::find(1).await, "1 orders");
        assert_eq!(Users::first("a").await, "a users");
        assert_eq!(Orders::first("a").await, "a orders");
    }
    assert_agree(&"a users".to_owned(), &Users::first_entry("a")).await;
}

#[tokio::test]
async fn function_and_companion_agree_wherever_they_stand() {
    mod inner {
        use super::*;

        impl<T: Table> Repo<T> {
            #[cachefence(key = "elsewhere:<id>", ttl = 30)]
            pub(super) async fn elsewhere(id: Option<u8>) -> u8 {
                id.unwrap_or(9)
            }
        }
    }

    impl<T: Table> Repo<T> {
        // With parameters of its own, which the companion has only in part.
        #[cachefence(key = "own:<id>:<N>", ttl = 30, skip(S, of))]
        async fn own<S: Debug, const N: usize>(id: u8, of: S) -> String {
            format!("{id} {of:?} {N}")
        }

        #[cachefence(key = "raw:<type>", ttl = 30)]
        async fn r#match(r#type: u8) -> u8 {
            r#type
        }
    }

    assert_eq!(Repo::<Users>::elsewhere(None).await, 9);
    assert_agree(&9, &Repo::<Users>::elsewhere_entry(None)).await;
    let own = Repo::<Users>::own::<fn(u8) -> Option<u8>, 3>(1, Some).await;
    assert_agree(&own, &Repo::<Users>::own_entry::<3>(1)).await;
    assert_eq!(Repo::<Users>::r#match(1).await, 1);
    assert_agree(&1, &Repo::<Users>::match_entry(1)).await;
    assert_hashed(&Repo::<Users>::elsewhere_entry(None), "elsewhere:~");

    let in_a_closure = || async {
        struct Local<T>(T);

        impl<T> Local<T> {
            #[cachefence(key = "closure:<id>", ttl = 30)]
            async fn get(id: u8) -> u8 {
                id
            }
        }

        assert_eq!(Local::<u8>::get(1).await, 1);
        assert_agree(&1, &Local::<u8>::get_entry(1)).await;
        Local::<u8>::get_entry(1).key().to_owned()
    };
    let one = in_a_closure().await;
    assert!(one.starts_with("closure:1~"), "{one}");
}

#[tokio::test]
async fn types_of_one_name_in_two_modules_are_told_apart() {
    mod other {
        pub(super) struct Users;
    }

    impl<T> Repo<T> {
        #[cachefence(key = "of-one-name:<id>", ttl = 30)]
        async fn of_one_name(id: u64) -> u64 {
            id
        }
    }

    let keys = BTreeSet::from([
        Repo::<Users>::of_one_name_entry(1).key().to_owned(),
        Repo::<other::Users>::of_one_name_entry(1).key().to_owned(),
        Repo::<&Users>::of_one_name_entry(1).key().to_owned(),
        Repo::<Repo<Users>>::of_one_name_entry(1).key().to_owned(),
    ]);
    assert_eq!(keys.len(), 4, "{keys:?}");
}

#[tokio::test]
async fn a_function_without_a_generic_type_has_its_template_as_its_key() {
    mod inner {
        use super::*;

        impl Users {
            #[cachefence(key = "plain:<id>", ttl = 30)]
            pub(super) async fn plain(id: u8) -> u8 {
                id
            }
        }
    }

    struct View<'a>(&'a str);

    impl<'a> View<'a> {
        #[cachefence(key = "view:<of>", ttl = 30)]
        async fn view(of: &'a str) -> usize {
            of.len()
        }
    }

    impl<T> Repo<T> {
        fn entries() -> [Entry<u8>; 2] {
            #[cachefence(key = "free:<id>", ttl = 30)]
            async fn free(id: u8) -> u8 {
                id
            }

            #[cachefence(key = "generic:<id>", ttl = 30)]
            async fn generic<K: KeyPart>(id: K) -> u8 {
                drop(id);
                0
            }

            [free_entry(1), generic_entry::<&[u8]>(&[1])]
        }
    }

    assert_eq!(Users::plain_entry(1).key(), "plain:1");
    assert_eq!(View::view_entry(View("a").0).key(), "view:a");
    let [free, generic] = Repo::<Users>::entries();
    assert_eq!((free.key(), generic.key()), ("free:1", "generic:(1,)"));
    assert_eq!(View::view("a").await, 1);
    assert_agree(&1, &View::view_entry("a")).await;
    assert_eq!(Users::plain(1).await, 1);
    assert_agree(&1, &Users::plain_entry(1)).await;
}

#[tokio::test]
async fn types_go_with_self() {
    impl<T> Repo<T> {
        #[cachefence(key = "with-self:<id>", ttl = 30, skip(self))]
        async fn with_self(&self, id: u8) -> u8 {
            id
        }
    }

    assert_eq!(Repo::<Users>(PhantomData).with_self(1).await, 1);
    assert_eq!(Repo::<Users>::with_self_entry(1).key(), "with-self:1");
}

#[tokio::test]
async fn a_skipped_type_is_left_out() {
    static BODIES: Bodies = Bodies::new();

    impl<T: Table> Repo<T> {
        #[cachefence(key = "all:<id>", ttl = 30, skip(Self))]
        async fn all(id: u64) -> u64 {
            BODIES.ran();
            id
        }
    }

    assert_eq!(Repo::<Users>::all(1).await, 1);
    assert_eq!(Repo::<Orders>::all(1).await, 1);
    assert_eq!(BODIES.count(), 1);
    assert_eq!(Repo::<Users>::all_entry(1).key(), "all:1");
}

#[tokio::test]
async fn a_constant_of_a_type_parameter_stands_in_the_key() {
    #[cachefence(key = "<T::NAME>:<id>", ttl = 30)]
    async fn row<T: Table>(id: u64) -> String {
        format!("{} {id}", T::NAME)
    }

    for _ in 0..2 {
        assert_eq!(row::<Users>(1).await, "users 1");
        assert_eq!(row::<Orders>(1).await, "orders 1");
    }
    assert_eq!(row_entry::<Users>(1).key(), "users:1");
    assert_agree(&"orders 1".to_owned(), &row_entry::<Orders>(1)).await;
}

#[tokio::test]
async fn a_const_parameter_stands_in_the_key() {
    #[cachefence(key = "sized:<at>:<SIZE>:<BY>", ttl = 30)]
    async fn page<const SIZE: usize, const BY: char>(at: u64) -> (u64, usize, char) {
        (at, SIZE, BY)
    }

    for _ in 0..2 {
        assert_eq!(page::<3, '<'>(1).await, (1, 3, '<'));
        assert_eq!(page::<4, '<'>(1).await, (1, 4, '<'));
    }
    assert_eq!(page_entry::<3, '<'>(1).key(), "sized:1:3:%3C");
}

#[tokio::test]
async fn a_constant_leads_on_to_fields_and_methods() {
    #[cachefence(key = "deeper:<T::KIND.id>:<T::NAME.len()>", ttl = 30)]
    async fn deeper<T: Table>() -> u8 {
        T::KIND.id
    }

    assert_eq!(deeper::<Users>().await, 7);
    assert_eq!(deeper_entry::<Users>().key(), "deeper:7:5");
}

#[tokio::test]
async fn a_constant_of_self_stands_for_the_type() {
    trait Stored: Table + Sized {
        #[cachefence(key = "<Self::NAME>/<id>", ttl = 30)]
        async fn stored(id: u64) -> String {
            format!("{} {id}", Self::NAME)
        }

        #[cachefence(key = "with-self/<Self::NAME>/<id>", ttl = 30, skip(self))]
        async fn stored_with(&self, id: u64) -> String {
            format!("{} {id}", Self::NAME)
        }
    }

    impl Stored for Users {}
    impl Stored for Orders {}

    for _ in 0..2 {
        assert_eq!(Users::stored(1).await, "users 1");
        assert_eq!(Orders::stored(1).await, "orders 1");
        assert_eq!(Users.stored_with(1).await, "users 1");
        assert_eq!(Orders.stored_with(1).await, "orders 1");
    }
    assert_eq!(Users::stored_entry(1).key(), "users/1");
    assert_eq!(Users::stored_with_entry(1).key(), "with-self/users/1");
}

#[tokio::test]
async fn a_constant_of_a_parameter_of_the_impl_stands_in_the_key() {
    impl<T: Table> Repo<T> {
        #[cachefence(key = "of-impl:<T::NAME>:<id>", ttl = 30, skip(Self))]
        async fn of_impl(id: u64) -> u64 {
            id
        }

        #[cachefence(key = "of-impl-too:<T::NAME>:<id>", ttl = 30)]
        async fn of_impl_too(id: u64) -> u64 {
            id
        }
    }

    assert_eq!(Repo::<Users>::of_impl(1).await, 1);
    assert_eq!(Repo::<Users>::of_impl_entry(1).key(), "of-impl:users:1");
    assert_eq!(Repo::<Users>::of_impl_too(1).await, 1);
    // The attribute does not know whether the type has other parameters.
    assert_hashed(&Repo::<Users>::of_impl_too_entry(1), "of-impl-too:users:1");
}
