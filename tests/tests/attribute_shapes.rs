//! An annotated function is called like its plain twin, whatever its signature looks like.
//!
//! Each test has a function without the attribute and the same function with it. The annotated one gives what the
//! plain one gives, and the second time it does so without running its body.

// The twins are what users write: bodies that await nothing, arguments that are larger than they need to be.
#![allow(
    clippy::boxed_local,
    clippy::large_futures,
    clippy::needless_pass_by_value,
    clippy::ptr_arg,
    clippy::trivially_copy_pass_by_ref,
    clippy::unused_async,
    clippy::unused_self
)]
#![allow(non_local_definitions)] // each test has the methods that it is about

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::cachefence;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Counts a body that runs.
fn ran(bodies: &AtomicU32) {
    bodies.fetch_add(1, Ordering::Relaxed);
}

/// Asserts that `cached` gives what its twin gives, twice, and runs its body once.
async fn assert_twins<T: PartialEq + Debug>(
    bodies: &AtomicU32,
    mut plain: impl AsyncFnMut() -> T,
    mut cached: impl AsyncFnMut() -> T,
) {
    let expected = plain().await;
    assert_eq!(bodies.swap(0, Ordering::Relaxed), 1, "the plain twin counts its body");
    assert_eq!(cached().await, expected, "the first call");
    assert_eq!(cached().await, expected, "the second call");
    assert_eq!(bodies.load(Ordering::Relaxed), 1, "bodies of two calls");
}

/// What the methods below belong to.
#[derive(Debug, Clone, PartialEq)]
struct Tenant {
    id: u64,
    reads: u64,
}

const TENANT: Tenant = Tenant { id: 7, reads: 0 };

mod functions {
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

        assert_twins(
            &users::BODIES,
            async || users::plain(1).await,
            async || users::cached(1).await,
        )
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
}

mod methods {
    use super::*;

    #[tokio::test]
    async fn a_method_of_a_reference() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn shared_plain(&self, id: u64) -> u64 {
                ran(&BODIES);
                self.id + id
            }

            #[cachefence(key = "by-ref:<self.id>:<id>", ttl = 60)]
            async fn shared(&self, id: u64) -> u64 {
                ran(&BODIES);
                self.id + id
            }
        }

        let tenant = TENANT;
        assert_twins(
            &BODIES,
            async || tenant.shared_plain(1).await,
            async || tenant.shared(1).await,
        )
        .await;
        assert_eq!(tenant.shared_entry(1).key(), "by-ref:7:1");
    }

    #[tokio::test]
    async fn a_method_of_a_mutable_reference() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn count_plain(&mut self) -> u64 {
                ran(&BODIES);
                self.reads += 1;
                self.reads
            }

            #[cachefence(key = "by-mut:<self.id>", ttl = 60)]
            async fn count(&mut self) -> u64 {
                ran(&BODIES);
                self.reads += 1;
                self.reads
            }
        }

        let (mut one, mut other) = (TENANT, TENANT);
        assert_twins(&BODIES, async || one.count_plain().await, async || other.count().await).await;
        assert_eq!(one, other, "the body changes its receiver once");
    }

    #[tokio::test]
    async fn a_method_of_an_arc() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn arc_plain(self: Arc<Self>, id: u64) -> u64 {
                ran(&BODIES);
                self.id + id
            }

            #[cachefence(key = "by-arc:<self.id>:<id>", ttl = 60)]
            async fn arc(self: Arc<Self>, id: u64) -> u64 {
                ran(&BODIES);
                self.id + id
            }
        }

        let tenant = Arc::new(TENANT);
        assert_twins(
            &BODIES,
            async || Arc::clone(&tenant).arc_plain(1).await,
            async || Arc::clone(&tenant).arc(1).await,
        )
        .await;
    }

    #[tokio::test]
    async fn a_method_of_a_reference_to_an_arc() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn arc_ref_plain(self: &Arc<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }

            #[cachefence(key = "by-arc-ref:<self.id>", ttl = 60)]
            async fn arc_ref(self: &Arc<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }
        }

        let tenant = Arc::new(TENANT);
        assert_twins(
            &BODIES,
            async || tenant.arc_ref_plain().await,
            async || tenant.arc_ref().await,
        )
        .await;
    }

    #[tokio::test]
    async fn a_method_of_a_box() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn boxed_plain(self: Box<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }

            #[cachefence(key = "by-box:<self.id>", ttl = 60)]
            async fn boxed(self: Box<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }
        }

        let tenant = || Box::new(TENANT);
        assert_twins(
            &BODIES,
            async || tenant().boxed_plain().await,
            async || tenant().boxed().await,
        )
        .await;
    }

    #[tokio::test]
    async fn a_method_of_an_rc() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn rc_plain(self: Rc<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }

            #[cachefence(key = "by-rc:<self.id>", ttl = 60)]
            async fn rc(self: Rc<Self>) -> u64 {
                ran(&BODIES);
                self.id
            }
        }

        let tenant = Rc::new(TENANT);
        assert_twins(
            &BODIES,
            async || Rc::clone(&tenant).rc_plain().await,
            async || Rc::clone(&tenant).rc().await,
        )
        .await;
    }

    #[tokio::test]
    async fn a_method_of_a_pinned_reference() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn pinned_plain(self: Pin<&Self>) -> u64 {
                ran(&BODIES);
                self.id
            }

            #[cachefence(key = "by-pin:<self.id>", ttl = 60)]
            async fn pinned(self: Pin<&Self>) -> u64 {
                ran(&BODIES);
                self.id
            }
        }

        let tenant = TENANT;
        assert_twins(
            &BODIES,
            async || Pin::new(&tenant).pinned_plain().await,
            async || Pin::new(&tenant).pinned().await,
        )
        .await;
    }

    #[tokio::test]
    async fn a_method_of_a_value() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn consume_plain(mut self) -> u64 {
                ran(&BODIES);
                self.reads += self.id;
                self.reads
            }

            #[cachefence(key = "by-value:<self.id>", ttl = 60)]
            async fn consume(mut self) -> u64 {
                ran(&BODIES);
                self.reads += self.id;
                self.reads
            }
        }

        assert_twins(
            &BODIES,
            async || TENANT.consume_plain().await,
            async || TENANT.consume().await,
        )
        .await;
        assert_eq!(TENANT.consume_entry().key(), "by-value:7");
    }

    #[tokio::test]
    async fn a_method_whose_receiver_is_skipped() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn skipped_plain(&self, id: u64) -> u64 {
                ran(&BODIES);
                id
            }

            #[cachefence(key = "skipped-self:<id>", ttl = 60, skip(self))]
            async fn skipped(&self, id: u64) -> u64 {
                ran(&BODIES);
                id
            }
        }

        let tenant = TENANT;
        assert_twins(
            &BODIES,
            async || tenant.skipped_plain(1).await,
            async || tenant.skipped(1).await,
        )
        .await;
        // Nothing that the companion needs is read from a tenant, so it takes none.
        assert_eq!(Tenant::skipped_entry(1).key(), "skipped-self:1");
    }

    #[tokio::test]
    async fn an_associated_function() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        impl Tenant {
            async fn find_plain(id: u64) -> u64 {
                ran(&BODIES);
                id
            }

            #[cachefence(key = "associated:<id>", ttl = 60)]
            async fn find(id: u64) -> u64 {
                ran(&BODIES);
                id
            }
        }

        assert_twins(&BODIES, async || Tenant::find_plain(1).await, async || Tenant::find(1).await)
            .await;
        assert_eq!(Tenant::find_entry(1).key(), "associated:1");
    }

    #[tokio::test]
    async fn a_function_that_returns_self() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        struct Row(u64);

        impl Row {
            async fn load_plain(id: u64) -> Result<Self, String> {
                ran(&BODIES);
                Ok(Self(id))
            }

            #[cachefence(key = "self:<id>", ttl = 60)]
            async fn load(id: u64) -> Result<Self, String> {
                ran(&BODIES);
                Ok(Self(id))
            }
        }

        assert_twins(&BODIES, async || Row::load_plain(1).await, async || Row::load(1).await).await;
        assert_eq!(Row::load_entry(1).peek().await.unwrap(), Some(Row(1)));
    }

    #[tokio::test]
    async fn a_method_of_a_generic_impl() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        struct Repository<'a, T, const N: usize> {
            rows: &'a [T; N],
        }

        impl<T: Clone + Serialize + DeserializeOwned, const N: usize> Repository<'_, T, N> {
            async fn row_plain(&self, index: usize) -> Option<T> {
                ran(&BODIES);
                self.rows.get(index).cloned()
            }

            #[cachefence(key = "generic-impl:<index>", ttl = 60, skip(self))]
            async fn row(&self, index: usize) -> Option<T> {
                ran(&BODIES);
                self.rows.get(index).cloned()
            }
        }

        let repository = Repository { rows: &["a".to_owned(), "b".to_owned()] };
        assert_twins(
            &BODIES,
            async || repository.row_plain(1).await,
            async || repository.row(1).await,
        )
        .await;
        assert_eq!(
            Repository::<String, 2>::row_entry(1).peek().await.unwrap(),
            Some(Some("b".to_owned()))
        );
    }

    #[tokio::test]
    async fn a_method_of_a_traits_impl() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        trait Load {
            async fn load_plain(&self, id: u64) -> Option<u64>;
            async fn load(&self, id: u64) -> Option<u64>;
        }

        impl Load for Tenant {
            async fn load_plain(&self, id: u64) -> Option<u64> {
                ran(&BODIES);
                Some(self.id + id)
            }

            #[cachefence(key = "trait:<self.id>:<id>", ttl = 60, entry = false)]
            async fn load(&self, id: u64) -> Option<u64> {
                ran(&BODIES);
                Some(self.id + id)
            }
        }

        let tenant = TENANT;
        assert_twins(&BODIES, async || tenant.load_plain(1).await, async || tenant.load(1).await)
            .await;
    }

    #[tokio::test]
    async fn a_method_that_its_trait_provides() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        trait Load {
            fn id(&self) -> u64;

            async fn double_plain(&self) -> u64 {
                ran(&BODIES);
                self.id() * 2
            }

            #[cachefence(key = "provided:<self.id()>", ttl = 60)]
            async fn double(&self) -> u64 {
                ran(&BODIES);
                self.id() * 2
            }
        }

        impl Load for Tenant {
            fn id(&self) -> u64 {
                self.id
            }
        }

        let tenant = TENANT;
        assert_twins(&BODIES, async || tenant.double_plain().await, async || tenant.double().await)
            .await;
        assert_eq!(tenant.double_entry().key(), "provided:7");
    }

    #[tokio::test]
    async fn a_method_of_a_generic_traits_impl() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        trait Find<K> {
            type Row;
            async fn find_plain<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
            where
                K: 'a;
            async fn find<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
            where
                K: 'a;
        }

        impl<K: Display> Find<K> for Vec<String> {
            type Row = Vec<String>;

            async fn find_plain<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
            where
                K: 'a,
            {
                ran(&BODIES);
                let key = key.to_string();
                Ok(self.iter().filter(|row| **row == key).cloned().collect())
            }

            #[cachefence(key = "generic-trait:<self>:<key.to_string()>", ttl = 60, entry = false)]
            async fn find<'a>(&'a self, key: &'a K) -> Result<Self::Row, String>
            where
                K: 'a,
            {
                ran(&BODIES);
                let key = key.to_string();
                Ok(self.iter().filter(|row| **row == key).cloned().collect())
            }
        }

        let rows = vec!["1".to_owned(), "2".to_owned()];
        assert_twins(&BODIES, async || rows.find_plain(&2).await, async || rows.find(&2).await)
            .await;
    }
}

mod generics {
    use super::*;

    #[tokio::test]
    async fn parameters_with_bounds() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<T: Display + Copy>(id: T) -> String {
            ran(&BODIES);
            format!("{id}")
        }

        #[cachefence(key = "bounds:<id.to_string()>", ttl = 60)]
        async fn cached<T: Display + Copy>(id: T) -> String {
            ran(&BODIES);
            format!("{id}")
        }

        assert_twins(&BODIES, async || plain(1_u8).await, async || cached(1_u8).await).await;
        assert_eq!(cached_entry("a").key(), "bounds:a");
    }

    #[tokio::test]
    async fn a_parameter_that_is_a_key_part() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<K: cachefence::KeyPart + Display>(id: K) -> String {
            ran(&BODIES);
            format!("{id}")
        }

        #[cachefence(key = "part:<id>", ttl = 60)]
        async fn cached<K: cachefence::KeyPart + Display>(id: K) -> String {
            ran(&BODIES);
            format!("{id}")
        }

        assert_twins(&BODIES, async || plain("a").await, async || cached("a").await).await;
        assert_eq!(cached_entry(5).key(), "part:5");
    }

    #[tokio::test]
    async fn a_where_clause() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<T, U>(id: T, from: U) -> Result<String, U::Error>
        where
            T: Display,
            U: TryInto<u8>,
        {
            ran(&BODIES);
            Ok(format!("{id} {}", from.try_into()?))
        }

        #[cachefence(key = "where:<id.to_string()>", ttl = 60, skip(from))]
        async fn cached<T, U>(id: T, from: U) -> Result<String, U::Error>
        where
            T: Display,
            U: TryInto<u8>,
        {
            ran(&BODIES);
            Ok(format!("{id} {}", from.try_into()?))
        }

        assert_twins(&BODIES, async || plain(1, 2_u64).await, async || cached(1, 2_u64).await)
            .await;
        assert_eq!(cached_entry(1).key(), "where:1");
    }

    #[tokio::test]
    async fn a_parameter_that_only_the_result_names() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<T: From<u8> + Serialize + DeserializeOwned>(id: u8) -> T {
            ran(&BODIES);
            id.into()
        }

        #[cachefence(key = "result:<id>", ttl = 60, skip(T))]
        async fn cached<T: From<u8> + Serialize + DeserializeOwned>(id: u8) -> T {
            ran(&BODIES);
            id.into()
        }

        assert_twins(&BODIES, async || plain::<u64>(1).await, async || cached::<u64>(1).await)
            .await;
        assert_eq!(cached_entry::<u64>(1).peek().await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_constant_parameter() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<const N: usize>(ids: [u64; N]) -> Vec<u64> {
            ran(&BODIES);
            ids.iter().map(|id| id * 2).collect()
        }

        #[cachefence(key = "const:<ids>", ttl = 60)]
        async fn cached<const N: usize>(ids: [u64; N]) -> Vec<u64> {
            ran(&BODIES);
            ids.iter().map(|id| id * 2).collect()
        }

        assert_twins(&BODIES, async || plain([1, 2]).await, async || cached([1, 2]).await).await;
        assert_eq!(cached_entry([1, 2, 3]).key(), "const:(1,2,3,)");
    }

    #[tokio::test]
    async fn named_lifetimes() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        async fn plain<'a, 'b: 'a>(first: &'a str, second: &'b str) -> String {
            ran(&BODIES);
            let shorter: &'a str = second;
            format!("{first}{shorter}")
        }

        #[cachefence(key = "named:<first>:<second>", ttl = 60)]
        async fn cached<'a, 'b: 'a>(first: &'a str, second: &'b str) -> String {
            ran(&BODIES);
            let shorter: &'a str = second;
            format!("{first}{shorter}")
        }

        let owned = "a".to_owned();
        assert_twins(
            &BODIES,
            async || plain(&owned, "b").await,
            async || cached(&owned, "b").await,
        )
        .await;
        assert_eq!(cached_entry("a", "b").key(), "named:a:b");
    }

    #[tokio::test]
    async fn elided_lifetimes() {
        static BODIES: AtomicU32 = AtomicU32::new(0);

        struct View<'a>(&'a str);

        async fn plain(view: View<'_>, other: &View<'_>) -> String {
            ran(&BODIES);
            format!("{}{}", view.0, other.0)
        }

        #[cachefence(key = "elided:<view.0>:<other.0>", ttl = 60)]
        async fn cached(view: View<'_>, other: &View<'_>) -> String {
            ran(&BODIES);
            format!("{}{}", view.0, other.0)
        }

        assert_twins(
            &BODIES,
            async || plain(View("a"), &View("b")).await,
            async || cached(View("a"), &View("b")).await,
        )
        .await;
        assert_eq!(cached_entry(View("a"), &View("b")).key(), "elided:a:b");
    }
}

mod arguments {
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

        assert_twins(&BODIES, async || plain("ann lee").await, async || cached("ann lee").await)
            .await;
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
        assert_twins(
            &BODIES,
            async || plain(&mut one, 1).await,
            async || cached(&mut other, 1).await,
        )
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

        assert_twins(&BODIES, async || plain("a", 1, 2).await, async || cached("a", 1, 2).await)
            .await;
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

        assert_twins(&BODIES, async || plain(UserId(1)).await, async || cached(UserId(1)).await)
            .await;
        assert_eq!(cached_entry(UserId(1)).key(), "own:u1");
    }
}
