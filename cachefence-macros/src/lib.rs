//! The attribute of the `cachefence` crate, and the derive macro `KeyPart`. Use them as `cachefence::cachefence` and
//! `cachefence::KeyPart`: the expansions name items of that crate.
//!
//! # How it works
//!
//! ```text
//! attribute tokens  -> args        options, each well formed by itself
//! key literal       -> template    text and placeholders, with byte ranges
//! function          -> item        signature parsed, body opaque
//! the three         -> bind        every name resolved
//!                   -> check       the rules: coverage, parameters, separators, what a task cannot own
//!                   -> expand      the function and its companion
//!                   or fallback    every mistake, and the item untouched
//! ```
//!
//! Data flows one way. No stage stops at its first mistake: `errors` collects all mistakes, and one build shows them all.

mod args;
mod bind;
mod call;
mod caret;
mod check;
mod code;
mod companion;
mod detached;
mod duration;
mod errors;
mod expand;
mod fallback;
mod generics;
mod item;
mod key_part;
mod lifetimes;
mod lints;
mod names;
mod pattern;
mod place;
mod rename;
mod suggest;
mod template;
#[cfg(test)]
mod template_tests;
mod value;

use errors::Errors;
use proc_macro2::TokenStream;

/// Caches an async function: the body becomes the recompute, which runs when there is no value to serve.
///
/// ```
/// # use cachefence::cachefence;
/// # use std::io;
/// # type User = String;
/// # async fn load_user(id: u64) -> io::Result<User> { Ok(format!("user {id}")) }
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #[cachefence(key = "user:<id>", ttl = 60)]
/// async fn get_user(id: u64) -> io::Result<User> {
///     load_user(id).await
/// }
///
/// let user = get_user(42).await?;              // as before
/// get_user_entry(42).invalidate().await?;      // the companion
/// # Ok(()) }
/// ```
///
/// The function keeps its signature, its visibility, its attributes and its call sites. It may return `T`, `Option<T>` or
/// `Result<T, E>`, under any alias; `Err` is never cached, and `E` needs no bound. A failing cache never fails the call: the
/// body runs. Functions with the same template, version and cache share their entries, and so does other code that uses these keys.
/// Where a type is [part of the key](#types), each type has its own.
///
/// # Options
///
/// The most needed come first. A default that is *the cache's* is set by the option of the same name of `Builder`; the figure beside it is
/// the one of `Builder`.
///
/// | option | meaning | default |
/// |---|---|---|
/// | [`key`](#key--template) | the template of the key | required |
/// | [`ttl`](#ttl--time) | how long a value is valid | required, or `ttl_of` |
/// | [`skip`](#skipname-) | arguments that do not change the result | none |
/// | [`detached`](#detached) | loads outlive their callers | the body runs in the call |
/// | [`stale_while_revalidate`](#stale_while_revalidate--time) | for how long after its ttl a value is served while one call loads | the cache's, 0 |
/// | [`stale_if_error`](#stale_if_error--time) | for how long after its ttl a value is served when the body fails | the cache's, 0 |
/// | [`cache`](#cache--expression) | which cache | the installed one |
/// | [`clone_error`](#clone_error--error-e-) | copies an error that is not `Clone` for the callers that waited | each runs its own body |
/// | [`ttl_of`](#ttl_of--value-t-) | the ttl of each value, by the value | |
/// | [`negative_ttl`](#negative_ttl--time) | the ttl of a `None` | that of any other value |
/// | [`version`](#version--n) | a part of the key, raised when the type of the value changes | none |
/// | [`jitter`](#jitter--number) | by which share a ttl is shortened at most | the cache's, 0 |
/// | [`beta`](#beta--number) | how eagerly a value is refreshed before it expires | the cache's, 1 |
/// | [`recompute_timeout`](#recompute_timeout--time) | how long a call that has a value to serve waits for a body | the cache's, no limit |
/// | [`lock_timeout`](#lock_timeout--time) | how long a lease lasts between renewals | the cache's, 2 s |
/// | [`wait_for_lock`](#wait_for_lock--time) | how long a load keeps others waiting | the cache's, 5 s |
/// | [`entry`](#entry--false-true-or-type) | whether there is a companion, and what its entry holds | a companion |
/// | [`crate`](#crate--path) | the path of the runtime crate | `::cachefence` |
///
/// ## `key = "template"`
///
/// Required: a string literal in which placeholders stand for arguments.
///
/// `<arg>` stands for an argument, `<arg.field>` or `<arg.method()>` for a part of it, `<N>` and `<T::NAME>` for what belongs to a
/// parameter; all other text stands for itself. [Keys](guide/keys/index.html#placeholders) has all forms, and how values are written.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// # struct Org(u32);
/// # impl Org { fn id(&self) -> u32 { self.0 } }
/// #[cachefence(key = "{org:<org.id()>}:user:<id>", ttl = 60)]
/// async fn get_user(org: &Org, id: u64) -> Option<User> {
///     // ..
/// #   None
/// }
/// ```
///
/// Values are escaped, except for `A-Z`, `a-z`, `0-9` and `_.@-`. No two different argument tuples give one key, so the text
/// between two placeholders has to hold a character that values escape, such as `:` or `/`; `%~(),` do not count, since the
/// structure of values uses them. A key of more than 512 bytes ends in the SHA-256 of the whole.
///
/// A type of your own takes part by [`#[derive(KeyPart)]`](derive@KeyPart), which writes it by its fields; or by hand, if its
/// equality looks at something else or its `Display` tells all values apart, with `part.display(self)`.
///
/// ```
/// # use cachefence::{KeyPart, cachefence};
/// # type User = String;
/// #[derive(KeyPart)]
/// struct UserId(u64);
///
/// #[cachefence(key = "user:<id>", ttl = 60)]
/// async fn get_user(id: UserId) -> Option<User> {
///     // ..
/// #   None
/// }
/// ```
///
/// ## `ttl = time`
///
/// Required, unless there is `ttl_of`: how long a value is fresh. A time is one of
///
/// - a number of seconds, whole or with a fraction: `60`, `0.5`;
/// - a string of whole numbers with the units `d`, `h`, `m`, `s`, `ms`, the largest first: `"5m"`, `"1h30m"`, `"250ms"`, `"2d"`;
/// - any other expression, of type [`Duration`](std::time::Duration), over the arguments.
///
/// A ttl and most other times are between 1 ms and 2^53 ms; `wait_for_lock` and the stale windows may be 0, and a window is at most
/// 2^52 ms. A literal that is out of bounds does not compile. Where an expression gives such a time, the call runs its body
/// uncached, and a warning says why.
///
/// ```
/// # use cachefence::cachefence;
/// # type Rates = Vec<f64>;
/// # struct Config { rates_ttl: std::time::Duration }
/// #[cachefence(key = "rates:<currency>", ttl = config.rates_ttl, skip(config))]
/// async fn rates(config: &Config, currency: &str) -> Rates {
///     // ..
/// #   Vec::new()
/// }
/// ```
///
/// ## `skip(name, ..)`
///
/// The arguments that do not change the result, such as a connection; `self` and `_` are names too, and so are type and const
/// parameters that no argument's type mentions. `Self` leaves out the hash of the enclosing [type](#types), so that all types
/// share one entry. Without such a hash it does nothing; beside a `self` argument it is an error, because `skip(self)` covers the
/// type there. Default: none.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// # struct Pool;
/// #[cachefence(key = "user:<id>", ttl = 60, skip(db))]
/// async fn get_user(db: &Pool, id: u64) -> Option<User> {
///     // ..
/// #   None
/// }
/// ```
///
/// ## `detached`
///
/// Loads run in tasks of their own and outlive their callers: a deadline, or a caller that is not polled any more, neither stops
/// a load nor holds up those who wait for it. A call that holds a value, valid or within `stale_while_revalidate`, waits for no body
/// and does not fail by one; within `stale_if_error` alone a call waits for the body, at most for `recompute_timeout`. Default: a body runs in its caller.
///
/// Borrowed arguments are copied, `&self` too if the body reads it: once by the call that begins a load, never by one that waits
/// and never on a hit. So they have to be `Clone` (`ToOwned`), `Send` and `Sync`; other arguments, value and error have to be
/// `Send`. `&mut` and `&dyn` arguments are refused. The task inherits the caller's `tracing` span; it runs on the caller's tokio
/// runtime, and ends with it. `Entry::get_or_set_detached` says what happens without a runtime, and how many
/// loads run at a time.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// #[derive(Clone)] // shares its connections
/// struct Pool;
///
/// #[cachefence(key = "user:<tenant>:<id>", ttl = 60, detached, skip(db))]
/// async fn get_user(db: &Pool, tenant: &str, id: u64) -> std::io::Result<User> {
///     // ..
/// #   let _ = (db, tenant, id);
/// #   Ok(User::new())
/// }
/// ```
///
/// ## `stale_while_revalidate = time`
///
/// For how long after its ttl a value is still served while one call loads a new one (RFC 5861, section 3). That call waits for its
/// own body, unless loads are `detached`; no other waits. Default: the cache's, which is 0: never.
///
/// ```
/// # use cachefence::cachefence;
/// # type Report = String;
/// #[cachefence(key = "report:<day>", ttl = "5m", detached, stale_while_revalidate = "1h")]
/// async fn report(day: u32) -> Report {
///     // ..
/// #   let _ = day;
/// #   Report::new()
/// }
/// ```
///
/// ## `stale_if_error = time`
///
/// For how long after its ttl a value is served instead of an `Err` when the body fails (RFC 5861, section 4). No process tries
/// the body again for the cache's `retry_after`, 1 second by default. Within this window alone a call waits for the body, at most
/// for `recompute_timeout`. Default: the cache's, which is 0: an `Err` is returned.
///
/// ```
/// # use cachefence::cachefence;
/// # type Rates = Vec<f64>;
/// #[cachefence(key = "rates:<currency>", ttl = 60, stale_while_revalidate = "5m", stale_if_error = "1d")]
/// async fn rates(currency: &str) -> std::io::Result<Rates> {
///     // ..
/// #   Ok(Vec::new())
/// }
/// ```
///
/// ## `cache = expression`
///
/// Which cache: an expression over the arguments. Default: the installed one; if there is none, one in memory, with one warning.
///
/// ```
/// # use cachefence::{CacheFence, cachefence};
/// # type User = String;
/// struct Users {
///     cache: CacheFence,
/// }
///
/// impl Users {
///     #[cachefence(key = "user:<id>", ttl = 60, cache = self.cache, skip(self))]
///     async fn get(&self, id: u64) -> Option<User> {
///         // ..
/// #       None
///     }
/// }
/// ```
///
/// ## `clone_error = |error: &E| ..`
///
/// Makes the error of the callers that waited for a load which failed; the caller that ran the body has the error itself. For
/// errors that are not `Clone`, such as `sqlx::Error`: without this each of these callers runs its own body. A closure that
/// captures nothing, or the path of a function. It may be given an error that it made itself. Default: see
/// [below](#what-several-callers-share).
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// #[derive(Debug)]
/// enum DbError {
///     RowNotFound,
///     Other(String),
/// }
///
/// fn copied(error: &DbError) -> DbError {
///     match error {
///         DbError::RowNotFound => DbError::RowNotFound,
///         DbError::Other(text) => DbError::Other(text.clone()),
///     }
/// }
///
/// #[cachefence(key = "user:<id>", ttl = 60, clone_error = copied)]
/// async fn get_user(id: u64) -> Result<User, DbError> {
///     // ..
/// #   Ok(User::new())
/// }
/// ```
///
/// ## `ttl_of = |value: &T| ..`
///
/// In place of `ttl`: the time to live of each value, by the value itself. A closure that captures nothing, or the path of a
/// function, which takes a reference to what is cached (of a `Result`, what `Ok` holds) and returns a
/// [`Duration`](std::time::Duration). A value whose ttl is zero is served and not cached.
///
/// ```
/// # use cachefence::cachefence;
/// # use std::time::Duration;
/// # type Quote = (f64, u64);
/// #[cachefence(key = "quote:<symbol>", ttl_of = |(_, valid_for): &Quote| Duration::from_secs(*valid_for))]
/// async fn quote(symbol: &str) -> std::io::Result<Quote> {
///     // ..
/// #   Ok((0.0, 0))
/// }
/// ```
///
/// ## `negative_ttl = time`
///
/// The time to live of a `None`, where the function returns `Option<T>` or `Result<Option<T>, E>`. It goes before `ttl` and
/// `ttl_of`. Default: the same as of any other value.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// #[cachefence(key = "user-by-mail:<mail>", ttl = "1h", negative_ttl = "10s")]
/// async fn find_user(mail: &str) -> std::io::Result<Option<User>> {
///     // ..
/// #   Ok(None)
/// }
/// ```
///
/// ## `version = n`
///
/// A whole number, part of the key: `~v2` follows the template, before the hash of a type if there is one. Default: none, and then
/// nothing is added, so the first version may be any number.
///
/// Raise it in the release that changes what is cached in a way that the last release, or this one, cannot read or would read wrongly.
/// Entries of another version are other entries, which an `invalidate` does not remove.
/// [Keys](guide/keys/index.html#versions-and-two-releases-side-by-side) has each change, and a rolling deploy.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// #[cachefence(key = "user:<id>", ttl = 60, version = 2)]
/// async fn get_user(id: u64) -> Option<User> {
///     // ..
/// #   None
/// }
///
/// assert_eq!(get_user_entry(42).key(), "user:42~v2");
/// ```
///
/// ## `jitter = number`
///
/// By which share a ttl is shortened at most, at random, so that values that were stored together do not expire together: from 0
/// to 1, or an expression of type `f64`. Default: the cache's, which is 0.
///
/// ```
/// # use cachefence::cachefence;
/// # type Report = String;
/// #[cachefence(key = "report:<day>", ttl = "1h", jitter = 0.1)]
/// async fn report(day: u32) -> Report {
///     // ..
/// #   Report::new()
/// }
/// ```
///
/// ## `beta = number`
///
/// How eagerly a value is refreshed before it expires: a number that is not negative, or an expression of type `f64`. 1 is the
/// optimum of the `XFetch` paper, a larger number refreshes earlier, 0 never. Default: the cache's, which is 1.
///
/// ```
/// # use cachefence::cachefence;
/// # type Report = String;
/// #[cachefence(key = "report:<day>", ttl = "1h", beta = 2.0)]
/// async fn report(day: u32) -> Report {
///     // ..
/// #   Report::new()
/// }
/// ```
///
/// ## `recompute_timeout = time`
///
/// How long a call waits for a body if it has a value to serve instead, one that is valid or within a stale window. A body that
/// takes longer is dropped and counts as failed; with `detached` it goes on. At least 1 ms. Default: the cache's, which is no limit.
///
/// ```
/// # use cachefence::cachefence;
/// # type Rates = Vec<f64>;
/// #[cachefence(key = "rates:<currency>", ttl = 60, stale_if_error = "1d", recompute_timeout = 0.5)]
/// async fn rates(currency: &str) -> std::io::Result<Rates> {
///     // ..
/// #   Ok(Vec::new())
/// }
/// ```
///
/// ## `lock_timeout = time`
///
/// How long a load's lease lasts between renewals, at least 1 ms: a process that dies in a load keeps others from loading the key
/// no longer than this. The lease is renewed every third of this while a load runs, so this need not cover the longest load. Default: the cache's, which is 2 seconds.
///
/// ```
/// # use cachefence::cachefence;
/// # type Report = String;
/// #[cachefence(key = "report:<day>", ttl = "1h", lock_timeout = "2s")]
/// async fn report(day: u32) -> Report {
///     // ..
/// #   Report::new()
/// }
/// ```
///
/// ## `wait_for_lock = time`
///
/// How long a load may keep others waiting before one of them, in the whole fleet, loads beside it; after twice as long each
/// process runs a body of its own. 0 never waits. Default: the cache's, which is 5 seconds.
///
/// ```
/// # use cachefence::cachefence;
/// # type Report = String;
/// #[cachefence(key = "report:<day>", ttl = "1h", wait_for_lock = 0.5)]
/// async fn report(day: u32) -> Report {
///     // ..
/// #   Report::new()
/// }
/// ```
///
/// ## `entry = false`, `true` or `Type`
///
/// Whether there is a companion, see [below](#the-companion), and what its entry holds. `false` leaves it out, as is needed in an
/// `impl Trait for ..`. `true` asks for it where it is left out by default. A type asks for it too, and names what is stored, where
/// the signature does not tell: a type that is not what the function stores does not compile. Default: a companion, but in
/// `#[async_trait]` traits and impls only where it shows that a trait provides the function.
///
/// ```
/// # use cachefence::cachefence;
/// # struct DbError;
/// type Fetched<T> = Result<T, DbError>;
///
/// #[cachefence(key = "tags:<id>", ttl = 60, entry = Vec<String>)]
/// async fn tags(id: u64) -> Fetched<Vec<String>> {
///     // ..
/// #   let _ = id;
/// #   Ok(Vec::new())
/// }
/// ```
///
/// ## `crate = path`
///
/// The path of the runtime crate, if it is renamed or re-exported. Default: `::cachefence`.
///
/// ```
/// # type User = String;
/// mod my_framework {
///     pub use cachefence;
/// }
///
/// #[my_framework::cachefence::cachefence(key = "user:<id>", ttl = 60, crate = my_framework::cachefence)]
/// async fn get_user(id: u64) -> Option<User> {
///     // ..
/// #   None
/// }
/// ```
///
/// # Arguments
///
/// **Every argument, `self` included, stands in the key or in `skip(..)`.** Otherwise two calls that differ only in it would
/// share one entry, which is how one tenant is served another's data. The compiler then names the argument and shows both fixes.
/// Of an argument with a pattern, every name that the pattern binds counts; one that is called `_` is skipped with `skip(_)`.
/// An argument that is named only in `cache = ..` or in a time is not covered. One below a `#[cfg(..)]` counts only where it is
/// compiled; where it is not, its placeholder in the key stands for nothing.
///
/// # Types
///
/// **A type or const parameter of the function that no argument's type mentions stands in the key or in `skip(..)`** too, since
/// `load::<User>(1)` and `load::<Order>(1)` have the same arguments. A type is named by one of its constants:
///
/// ```
/// # use cachefence::cachefence;
/// trait Table {
///     const NAME: &'static str;
/// }
///
/// #[cachefence(key = "<T::NAME>:<id>:<COLUMNS>", ttl = 60)]
/// async fn row<T: Table, const COLUMNS: usize>(id: u64) -> Vec<String> {
///     // ..
/// #   Vec::new()
/// }
/// # struct Users;
/// # impl Table for Users { const NAME: &'static str = "users"; }
///
/// assert_eq!(row_entry::<Users, 3>(1).key(), "users:1:3");
/// ```
///
/// A parameter that an argument's type mentions need not be named, but the key holds only what the argument's `KeyPart` writes: `1`
/// and `"1"` are written alike, and so is an `Id<T>(u64, PhantomData<T>)` for every `T`. **If a generic function is called with
/// several types, put `<T::NAME>` into its key**, unless the types write themselves differently.
///
/// The parameters of an `impl`, and `Self` of a trait, go with `self` where the function takes it: whoever skips `self` skips them,
/// and `<Self::NAME>` still can stand in the key. Where there is no `self`, each type has entries of its own: if the function
/// stands in an `impl` of a generic type, in a trait or in an `impl` of one, its key ends in `~` and a hash of the type's name (16
/// digits; a lifetime is not part of it). The key of every other function is exactly what its template says.
///
/// ```
/// # use cachefence::cachefence;
/// struct Repo<T>(std::marker::PhantomData<T>);
///
/// impl<T> Repo<T> {
///     #[cachefence(key = "title:<id>", ttl = 60)]
///     async fn title(id: u64) -> String {
///         // ..
/// #       String::new()
///     }
/// }
///
/// # struct User;
/// # struct Order;
/// assert_ne!(Repo::<User>::title_entry(1).key(), Repo::<Order>::title_entry(1).key()); // both "title:1~" and a hash
/// ```
///
/// The hash is the same in every process of one build. Another compiler may give another one, and so does a type that is renamed or
/// moves to another module: the entries of before are then not found any more, and not invalidated either. Two types that have one
/// name in one function, in two blocks of it, are not told apart. Where this matters, name the type yourself, in one of two ways:
///
/// - by a constant of it, `<Self::NAME>`; then there is no hash. Two types with equal constants share their entries;
/// - by constants of the parameters, `<T::NAME>`, and `skip(Self)`. The attribute does not see the parameters of an `impl`, so it
///   leaves the hash out only if you say so.
///
/// # The companion
///
/// Beside the function stands `<name>_entry`, of the same visibility. It takes the arguments that the key, `cache` or a time
/// names, in their order, and the type and const parameters that these, the key or the value need. It returns the `Entry<T>` that
/// a call with them reads and writes, so one template serves both reads and invalidations. The companion runs nothing by itself
/// and is not async. Nothing else is generated in your namespace.
///
/// ```
/// # use cachefence::cachefence;
/// # type User = String;
/// # #[cachefence(key = "user:<id>", ttl = 60)]
/// # async fn get_user(id: u64) -> User { format!("user {id}") }
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let user = get_user(42).await;
///
/// let entry = get_user_entry(42);
/// assert_eq!(entry.key(), "user:42");
/// assert_eq!(entry.peek().await?, Some(user.clone()));
/// entry.set(&user).await?;
/// entry.invalidate().await?;
/// # Ok(()) }
/// ```
///
/// `T` is what the function stores: of a `Result`, under any alias, what `Ok` holds; else the return type itself, `Option<..>`
/// included. The compiler finds out which it is. It cannot if the return type mentions a lifetime, `Self` or a type parameter, unless
/// the type is std's. Then the name decides: `..Result<T, ..>` is taken to hold a `T`, anything else itself. A wrong guess does not
/// compile; write `entry = Type`. The attribute cannot see the parameters of an enclosing `impl`,
/// and takes `Self`, paths such as `Db::Row` and types of one capital letter for some of them. Where one with a longer name is
/// returned, rustc says that "generic parameters may not be used in const operations": write `entry = Row` there as well.
///
/// The companion gives no warning, whatever lints are on. `#[allow(..)]` and `#[expect(..)]` on the function allow for both.
///
/// In an `impl Trait for ..` no further method may stand, and rustc says "not a member of trait": leave the companion out.
///
/// ```
/// # use cachefence::cachefence;
/// # type Row = String;
/// # struct Db;
/// trait Load {
///     async fn load(&self, id: u64) -> Option<Row>;
/// }
///
/// impl Load for Db {
///     #[cachefence(key = "row:<id>", ttl = 60, skip(self), entry = false)]
///     async fn load(&self, id: u64) -> Option<Row> {
///         // ..
/// #       None
///     }
/// }
/// ```
///
/// In `#[async_trait]` traits and impls the attribute decides: no companion in an `impl Trait for ..`; in a trait, a companion with
/// `where Self: Sized`, so that the trait keeps its objects. It does not recognise a provided method if the trait has the supertrait
/// `Send` or `Sync`, or is `#[async_trait(?Send)]`: write `entry = true` there.
///
/// # What several callers share
///
/// Callers that wait for one recompute, or for one read, are given one result. Where the type of the value is `Clone`, `Send` and
/// `Sync`, they get clones of the value that the body returned, or that the first of them decoded; else each decodes for itself.
/// So those callers share whatever the clones share, such as an `Arc<Mutex<..>>`.
///
/// An error reaches all these callers if it is `Clone`, `Send` and `Sync`, is a `std::io::Error`, or is copied by `clone_error`.
/// Nothing else is converted: of `anyhow::Error` or `Box<dyn Error>` each of these callers gets its own, of its own type, by
/// running its own body. Sixteen of a key run at once, the rest together after as long again as the first body took.
///
/// A result that is cloned has to be `'static`. So nothing is cloned where the return type
///
/// - has a lifetime, written or not (`Page` for `Page<'_>`);
/// - names `Self`, or a path such as `Db::Row`;
/// - names a parameter of the function, or a type of one capital letter.
///
/// A parameter of an enclosing `impl` that has a longer name must be `'static` if it stands in the return type.
///
/// # A hit equals its miss
///
/// A value that would be read back as another one, because of `#[serde(skip)]` for example, is served and not stored, and a warning names the
/// field. The first value of each function is verified so, and then one in 64: [Values](guide/values/index.html#a-hit-equals-its-miss).
///
/// # Recursion
///
/// A body that calls a cached function polls that function's body on its own stack, as plain futures do. A level takes some 1,700
/// bytes of stack in a debug build, and 400 more with full debug information. A `detached` function that calls itself needs a
/// function between the two that returns a `Pin<Box<dyn Future<Output = T> + Send>>`, because the compiler cannot find out
/// inside of a function whether that function's own future is `Send`.
///
/// # Where it can stand
///
/// On free functions, also inside functions, and on methods and associated functions, also of a trait's `impl`; with generics,
/// lifetimes, borrowed arguments, `impl Trait` arguments, patterns and `where` clauses. Methods in `#[async_trait]` traits and
/// impls too, which become functions that return a boxed future; an argument with a pattern is called
/// `__arg1` there (the receiver counts as the first, from 0). The future of a call is `Send` where the plain one is; it is neither
/// `Sync` nor `UnwindSafe`.
///
/// # Errors
///
/// Every mistake is a compile error, and all mistakes of an attribute are reported at once, most of them with the fix:
///
/// ```text
/// error: argument `tenant` stands neither in the key nor in `skip(..)`
///        help: `#[cachefence(key = "user:<id>:<tenant>", ttl = 60)]` if it changes the result,
///           or `#[cachefence(key = "user:<id>", ttl = 60, skip(tenant))]` if it does not
/// ```
///
/// [Keys](guide/keys/index.html#what-does-not-compile) shows more of them.
/// Also refused: anything but an `async fn` with a body, a returned `impl Trait` or reference, an option that is given twice or
/// malformed, a template that breaks the rules above, with the place inside it. The function is emitted all the same, so that its
/// callers are no further mistakes.
///
/// # Cancel safety
///
/// A call can be dropped at any await: the value is then either stored or not, another call that waits for
/// it goes on, and no lease is left behind for longer than its release takes.
#[proc_macro_attribute]
pub fn cachefence(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    attribute(args.into(), item.into()).into()
}

/// Stands on companions that may be in an `impl Trait for ..`, where rustc refuses them. Its note about where the error comes
/// from then shows this name, with the path `cachefence::__private::where_no_companion_can_stand`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn write_entry_equals_false(
    _: proc_macro::TokenStream,
    companion: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    companion::made_here(companion.into()).into()
}

/// The attribute on `proc_macro2`'s tokens, which exist outside of the compiler too.
fn attribute(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let model = resolve(args, item.clone(), &mut errors);
    let conditional = errors.take_conditional();
    let mut tokens = match errors.finish(model) {
        Ok(model) => expand::expand(&model),
        Err((error, model)) => fallback::untouched(item, model.as_ref(), &error),
    };
    tokens.extend(conditional);
    tokens
}

/// Reads and checks everything; what is wrong goes to `errors`.
fn resolve(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<bind::Model> {
    let args = args::Args::parse(args, errors);
    let item = item::Item::parse(item, errors)?;
    let model = bind::bind(args, item, errors)?;
    check::check(&model, errors);
    Some(model)
}

/// Derives `KeyPart`: the type may stand in a key, and is written there by its fields.
///
/// ```
/// use cachefence::{KeyPart, cachefence};
/// # type Hits = Vec<u64>;
///
/// #[derive(KeyPart)]
/// struct UserId(u64);
///
/// #[derive(KeyPart)]
/// enum Scope {
///     All,
///     Owner(UserId),
///     Range { from: u32, to: u32 },
/// }
///
/// #[cachefence(key = "search:<user>:<scope>", ttl = 60)]
/// async fn search(user: UserId, scope: &Scope) -> Hits {
///     // ..
/// #   Hits::new()
/// }
///
/// assert_eq!(search_entry(UserId(42), &Scope::All).key(), "search:42:All");
/// assert_eq!(search_entry(UserId(42), &Scope::Owner(UserId(7))).key(), "search:42:Owner(7,)");
/// assert_eq!(search_entry(UserId(42), &Scope::Range { from: 1, to: 9 }).key(), "search:42:Range(1,9,)");
/// ```
///
/// | type | in the key |
/// |---|---|
/// | a struct of one field, `UserId(42)` | that field: `42` |
/// | any other struct, `Page { query, number }` | a tuple of its fields: `(shoes,2,)`; without fields `()` |
/// | a variant without fields, `Scope::All` | its name: `All` |
/// | a variant with fields, `Scope::Owner(id)` | its name and a tuple of its fields: `Owner(7,)` |
///
/// Values that differ in a variant or in a field are written differently, and values that differ in neither are written alike. So
/// the type's `PartialEq`, if it is not derived, has to compare all fields and nothing else; otherwise implement `KeyPart` by
/// hand. A field of type `PhantomData` is left out.
///
/// **The names of variants and the order of fields stand in keys.** A field that is added, removed or moved, and a variant that is
/// renamed, changes the keys, so what is cached is loaded once more. Names of types and fields do not count, nor does the order of
/// variants. Where two fields of one type change places, or two variants their names, a key that is in the cache comes to mean
/// another value: change the template along with them.
///
/// Of a generic type, each type parameter that a field names has to be a `KeyPart`.
///
/// `#[key_part(crate = my::cachefence)]` on the type is the path of the runtime crate, if it is renamed or re-exported.
///
/// # Errors
///
/// A field whose type has no `KeyPart` is a compile error at that field. Others: a union, and an attribute `key_part` that is
/// malformed or that stands on a field or a variant. All are reported at once.
#[proc_macro_derive(KeyPart, attributes(key_part))]
pub fn derive_key_part(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    key_part::derive(item.into()).into()
}
