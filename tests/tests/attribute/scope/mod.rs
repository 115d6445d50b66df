//! What surrounds an annotated function changes nothing: names in scope, names of arguments, the runtime it runs on.

#![allow(clippy::unused_async)] // the bodies are as short as can be
#![allow(clippy::needless_borrow)] // `Sends` is asked through a reference

mod shadowed;

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use cachefence::cachefence;
use tokio::task::{LocalSet, yield_now};

fn ran(bodies: &AtomicU32) -> u64 {
    u64::from(bodies.fetch_add(1, Ordering::Relaxed) + 1)
}

fn is_send<T: Send>(value: T) -> T {
    value
}

/// A value whose type may be `Send` or not: `(&Sends(value)).sends()` says which.
struct Sends<T>(T);

trait MaySend {
    fn sends(&self) -> bool {
        false
    }
}

impl<T> MaySend for &Sends<T> {}

trait DoesSend {
    fn sends(&self) -> bool {
        true
    }
}

impl<T: Send> DoesSend for Sends<T> {}

#[tokio::test]
async fn names_of_the_prelude_may_be_shadowed() {
    assert_eq!(shadowed::plain(1).await, 2);
    assert_eq!(shadowed::plain(1).await, 2);
    assert_eq!(shadowed::plain_entry(1).peek().await.unwrap(), Some(2));
}

#[tokio::test]
async fn names_of_a_results_type_may_be_shadowed() {
    assert_eq!(shadowed::fallible(1).await, Ok(2));
    assert_eq!(shadowed::fallible(1).await, Ok(2));
    assert_eq!(shadowed::fallible_entry(1).peek().await.unwrap(), Some(2));
}

#[tokio::test]
async fn names_may_be_shadowed_around_methods() {
    let cache = cachefence::CacheFence::in_memory();
    let table = shadowed::Table { cache, ttl: std::time::Duration::from_secs(60) };
    for _ in 0..2 {
        assert_eq!(table.find(1).await, Some(2));
        assert_eq!(shadowed::Load::load(&table, 1).await, 2);
    }
    assert_eq!(table.find_entry(1).peek().await.unwrap(), Some(Some(2)));
}

#[tokio::test]
async fn a_generic_parameter_may_have_any_name() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[cachefence(key = "parameters:<id.to_string()>", ttl = 60, skip(R))]
    async fn number<T: ToString, R: From<u8> + serde::Serialize + serde::de::DeserializeOwned>(
        id: T,
    ) -> Result<R, std::fmt::Error> {
        ran(&BODIES);
        Ok(u8::from(id.to_string().is_empty()).into())
    }

    assert_eq!(number::<u8, u64>(1).await, Ok(0));
    assert_eq!(number::<u8, u64>(1).await, Ok(0));
    assert_eq!(BODIES.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn arguments_may_have_any_name() {
    #[cachefence(
        key = "names:<cache>:<key>:<entry>:<call>:<kind>:<ret>:<ttl>:<std>:<core>:<self_>",
        ttl = 60
    )]
    #[allow(clippy::too_many_arguments)]
    async fn sum(
        cache: u8,
        key: u8,
        entry: u8,
        call: u8,
        kind: u8,
        ret: u8,
        ttl: u8,
        std: u8,
        core: u8,
        self_: u8,
    ) -> u8 {
        cache + key + entry + call + kind + ret + ttl + std + core + self_
    }

    for _ in 0..2 {
        assert_eq!(sum(1, 2, 3, 4, 5, 6, 7, 8, 9, 10).await, 55);
    }
    let entry = sum_entry(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    assert_eq!(entry.key(), "names:1:2:3:4:5:6:7:8:9:10");
}

#[tokio::test]
async fn arguments_may_have_the_names_of_the_expansion() {
    #[cachefence(
        key = "ours:<__cachefence_key>:<__cachefence_call>",
        ttl = 60,
        skip(__cachefence_kind, __cachefence_ret)
    )]
    async fn sum(
        __cachefence_key: u8,
        __cachefence_call: u8,
        __cachefence_kind: u8,
        __cachefence_ret: u8,
    ) -> u8 {
        __cachefence_key + __cachefence_call + __cachefence_kind + __cachefence_ret
    }

    for _ in 0..2 {
        assert_eq!(sum(1, 2, 3, 4).await, 10);
    }
    assert_eq!(sum_entry(1, 2).key(), "ours:1:2");
}

#[tokio::test]
async fn an_argument_may_start_with_a_capital() {
    #[cachefence(key = "capital:<Id>", ttl = 60)]
    #[allow(non_snake_case)]
    async fn user(Id: u64) -> u64 {
        Id
    }

    assert_eq!(user(1).await, 1);
    assert_eq!(user_entry(1).key(), "capital:1");
}

/// A trait for all types, with a method by the name of one that the expansion calls.
#[tokio::test]
async fn methods_in_scope_do_not_get_into_the_key() {
    trait Part {
        fn part<T: ?Sized>(&self, _: &T) {}
    }
    impl<T> Part for T {}

    #[cachefence(key = "part:<id>", ttl = 60)]
    async fn double(id: u64) -> u64 {
        id * 2
    }

    1_u8.part("");
    assert_eq!(double(1).await, 2);
    assert_eq!(double(2).await, 4);
    assert_eq!(double_entry(1).key(), "part:1");
}

/// As above, for the options.
#[tokio::test]
async fn methods_in_scope_do_not_get_into_the_options() {
    #[allow(dead_code)] // that is the point
    trait Options: Sized {
        fn ttl(self, _: std::time::Duration) -> Self {
            unreachable!("this is not the cache's")
        }
        fn into_entry(self) -> Self {
            unreachable!("this is not the cache's")
        }
    }
    impl<T> Options for T {}

    #[cachefence(key = "options:<id>", ttl = 60)]
    async fn double(id: u64) -> u64 {
        id * 2
    }

    assert_eq!(double(1).await, 2);
    assert_eq!(double_entry(1).key(), "options:1");
}

#[tokio::test]
async fn methods_in_scope_do_not_decide_the_kind() {
    trait Kind {
        fn kind(&self) -> u64 {
            1
        }
    }
    impl<T> Kind for T {}

    #[cachefence(key = "kind:<id>", ttl = 60)]
    async fn kind_of(id: u64) -> u64 {
        id.kind()
    }

    assert_eq!(kind_of(1).await, 1);
}

#[tokio::test]
async fn a_macro_may_pass_the_body_on() {
    macro_rules! function {
        ($name:ident, $body:block) => {
            #[cachefence(key = "body", ttl = 60)]
            async fn $name() -> u64 $body
        };
    }
    function!(one, { 1 });

    assert_eq!(one().await, 1);
}

#[tokio::test]
async fn an_error_may_borrow() {
    #[derive(Debug, Clone, PartialEq)]
    struct NoSuchUser<'a>(&'a str);

    #[cachefence(key = "borrowing:<name>", ttl = 60)]
    async fn find(name: &str) -> Result<u64, NoSuchUser<'_>> {
        Err(NoSuchUser(name))
    }

    assert_eq!(find("ann").await, Err(NoSuchUser("ann")));
}

#[tokio::test]
async fn an_error_may_be_any_that_is_clone() {
    #[cachefence(key = "cloning:<id>", ttl = 60, skip(E))]
    async fn find<E: Clone + Send + Sync + From<u64>>(id: u64) -> Result<u64, E> {
        Err(id.into())
    }

    assert_eq!(find::<u64>(1).await, Err(1));
}

#[tokio::test]
async fn an_error_that_is_not_clone_may_borrow() {
    #[derive(Debug, PartialEq)]
    struct NoSuchUser<'a>(&'a str);

    #[cachefence(key = "borrowing-only:<name>", ttl = 60)]
    async fn find(name: &str) -> Result<u64, NoSuchUser<'_>> {
        Err(NoSuchUser(name))
    }

    assert_eq!(find("ann").await, Err(NoSuchUser("ann")));
}

#[tokio::test]
async fn the_future_of_a_send_body_is_send() {
    #[cachefence(key = "send:<id>", ttl = 60)]
    async fn plain(id: u64) -> u64 {
        yield_now().await;
        id
    }

    assert_eq!(is_send(plain(1)).await, 1);
}

#[tokio::test]
async fn the_future_that_holds_borrowed_arguments_is_send() {
    #[cachefence(key = "send-borrowed:<names>", ttl = 60, skip(log))]
    async fn sum(names: &[String], log: &mut Vec<usize>) -> Result<usize, String> {
        for name in names {
            yield_now().await;
            log.push(name.len());
        }
        Ok(log.iter().sum())
    }

    let mut log = Vec::new();
    assert_eq!(is_send(sum(&["ann".to_owned()], &mut log)).await, Ok(3));
}

#[tokio::test]
async fn the_future_of_a_method_is_send() {
    struct Tenant {
        id: u64,
    }

    impl Tenant {
        #[cachefence(key = "send-method:<self.id>", ttl = 60)]
        async fn twice(&self) -> Result<u64, std::io::Error> {
            yield_now().await;
            Ok(self.id * 2)
        }
    }

    assert_eq!(is_send(Tenant { id: 1 }.twice()).await.unwrap(), 2);
}

#[tokio::test]
async fn the_future_of_a_generic_function_is_send() {
    #[cachefence(key = "send-generic:<id.to_string()>", ttl = 60)]
    async fn text<T: ToString + Send + Sync>(id: T) -> String {
        yield_now().await;
        id.to_string()
    }

    assert_eq!(is_send(text(1)).await, "1");
}

#[tokio::test]
async fn the_future_of_a_body_that_is_not_send_is_not_send() {
    #[cachefence(key = "not-send:<id>", ttl = 60)]
    async fn count(id: u64) -> u64 {
        let shared = Rc::new(id);
        yield_now().await;
        *shared
    }

    assert!(!(&Sends(count(1))).sends());
}

/// A value is not shared between threads before it is encoded.
#[tokio::test]
async fn a_value_need_not_be_sync() {
    async fn plain() -> Cell<u8> {
        Cell::new(1)
    }

    #[cachefence(key = "not-sync", ttl = 60)]
    async fn cached() -> Cell<u8> {
        Cell::new(1)
    }

    assert!((&Sends(plain())).sends(), "the plain twin");
    assert!((&Sends(cached())).sends(), "the annotated one");
}

#[tokio::test]
async fn an_error_need_not_be_sync() {
    #[cachefence(key = "error-not-sync", ttl = 60)]
    async fn cached() -> Result<u8, Box<dyn Error + Send>> {
        Ok(1)
    }

    assert!((&Sends(cached())).sends());
}

/// `Box<dyn Error>` is what many programs return, and a plain function that does has a future that can be spawned as
/// part of another.
#[tokio::test]
async fn an_error_need_not_be_send() {
    async fn plain() -> Result<u8, Box<dyn Error>> {
        Ok(1)
    }

    #[cachefence(key = "error-not-send", ttl = 60)]
    async fn cached() -> Result<u8, Box<dyn Error>> {
        Ok(1)
    }

    assert!((&Sends(plain())).sends(), "the plain twin");
    assert!((&Sends(cached())).sends(), "the annotated one");
}

#[tokio::test]
async fn a_body_that_is_not_send_runs_on_a_local_set() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[cachefence(key = "local-set:<id>", ttl = 60)]
    async fn count(id: u64) -> u64 {
        let shared = Rc::new(Cell::new(id));
        yield_now().await;
        shared.set(shared.get() + ran(&BODIES));
        shared.get()
    }

    let local = LocalSet::new();
    let calls: Vec<_> = (0..10).map(|_| local.spawn_local(count(1))).collect();
    local.await;
    for call in calls {
        assert_eq!(call.await.unwrap(), 2);
    }
    assert_eq!(BODIES.load(Ordering::Relaxed), 1);
}

#[test]
fn a_body_that_is_not_send_runs_on_one_thread() {
    static BODIES: AtomicU32 = AtomicU32::new(0);

    #[cachefence(key = "one-thread:<shared>", ttl = 60)]
    async fn count(shared: Rc<u64>) -> u64 {
        yield_now().await;
        *shared + ran(&BODIES)
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert_eq!(count(Rc::new(1)).await, 2);
        assert_eq!(count(Rc::new(1)).await, 2);
    });
}

/// A future is moved and held by its callers: one that held its body in every layer would double and redouble with each
/// annotated function that calls another, up to the end of the stack.
#[test]
fn a_future_holds_its_body_once() {
    async fn plain(id: u8) -> u8 {
        let buffer = [id; 4096];
        yield_now().await;
        buffer[usize::from(id)]
    }

    #[cachefence(key = "empty:<id>", ttl = 60)]
    async fn empty(id: u8) -> u8 {
        id
    }

    #[cachefence(key = "large:<id>", ttl = 60)]
    async fn large(id: u8) -> u8 {
        plain(id).await
    }

    let [body, wrapper, both] =
        [size_of_val(&plain(1)), size_of_val(&empty(1)), size_of_val(&large(1))];
    assert!(both < wrapper + 2 * body, "{body} in {wrapper} make {both} bytes");
    // Of every caller that waits, this is held.
    assert!(wrapper <= 320, "{wrapper} bytes without a body");
}
