use std::path::Path;
use std::{env, fs};

use super::*;

/// Compares the expansion with the file of this name in `snapshots`; with `CACHEFENCE_BLESS=1` it is written instead.
fn assert_snapshot(name: &str, args: TokenStream, item: TokenStream) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expand/snapshots");
    let file = folder.join(name).with_extension("rs");
    let expanded = syn::parse2(crate::attribute(args, item)).unwrap();
    let found = prettyplease::unparse(&expanded);
    if env::var_os("CACHEFENCE_BLESS").is_some() {
        fs::write(&file, found).unwrap();
        return;
    }

    let pinned = fs::read_to_string(&file).unwrap_or_default();
    let lines = pinned.lines().chain(std::iter::repeat("(nothing)")).zip(found.lines());
    let differs = lines.enumerate().find(|(_, (pinned, found))| pinned != found);
    let (at, (was, is)) = differs.unwrap_or((found.lines().count(), ("(more)", "(nothing)")));
    assert!(
        pinned == found,
        "{}:{}\n- {was}\n+ {is}\nif it should be so: CACHEFENCE_BLESS=1 cargo test -p cachefence-macros",
        file.display(),
        at + 1,
    );
}

#[test]
fn a_free_function() {
    assert_snapshot(
        "free_function",
        quote!(key = "user:<tenant>:<id>", ttl = 60, beta = 2.0, skip(db)),
        quote! {
            /// docs
            pub async fn get_user(db: &Db, tenant: &str, id: u64) -> Result<User, sqlx::Error> {
                db.user(tenant, id).await
            }
        },
    );
}

#[test]
fn a_method() {
    assert_snapshot(
        "method",
        quote!(
            key = "{<self.org.id()>}:<page.0>",
            ttl = self.ttl,
            cache = self.cache,
            crate = fence,
            skip(trace)
        ),
        quote! {
            #[cfg(feature = "pages")]
            #[must_use]
            async fn r#match(mut self: Arc<Self>, mut page: (u8, u8), trace: T) -> Option<Page>
            where
                T: Trace,
            {
                #![allow(clippy::all)]
                self.page(page).await
            }
        },
    );
}

#[test]
fn a_generic_function() {
    assert_snapshot(
        "generic_function",
        quote!(key = "<at>:<name.as_ref()>", ttl = "1h30m", skip(source, size, N)),
        quote! {
            pub(crate) async fn rows<'a, K: KeyPart, S, const N: usize>(
                Point { at, size }: Point<'a, K>,
                name: impl AsRef<str>,
                source: &'a mut S,
            ) -> [Row<'static>; N]
            where
                S: Source<K>,
            {
                source.rows(at, size).await
            }
        },
    );
}

#[test]
fn a_method_of_a_traits_impl() {
    assert_snapshot(
        "trait_impl",
        quote!(key = "row:<id>", ttl = 0.5, wait_for_lock = 0, skip(self), entry = false),
        quote! {
            async fn load(&self, id: u64) -> Self::Row {
                self.rows[id]
            }
        },
    );
}

#[test]
fn only_a_function_whose_types_may_matter_looks_for_them() {
    let looks = |args: TokenStream, item: TokenStream| {
        crate::attribute(args, item).to_string().matches("KeyWriter :: enclosing").count()
    };
    let without = quote!(
        async fn f(id: u64) {}
    );
    let with = quote!(
        async fn f(&self, id: u64) {}
    );
    assert_eq!(looks(quote!(key = "<id>", ttl = 1), without.clone()), 2, "the companion too");
    assert_eq!(looks(quote!(key = "<id>", ttl = 1, skip(Self)), without.clone()), 0);
    assert_eq!(looks(quote!(key = "<Self::NAME>:<id>", ttl = 1), without), 0);
    assert_eq!(looks(quote!(key = "<id>", ttl = 1, skip(self)), with), 0);
}

#[test]
fn a_method_below_async_trait() {
    assert_snapshot(
        "boxed_future",
        quote!(key = "row:<self.table>:<id>", ttl = 60),
        quote! {
            fn load<'life0, 'async_trait>(
                &'life0 self,
                id: u64,
            ) -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = Row> + ::core::marker::Send + 'async_trait>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let __self = self;
                    __self.rows.get(id).await
                })
            }
        },
    );
}

#[test]
fn a_function_that_has_a_mistake() {
    assert_snapshot(
        "mistake",
        quote!(key = "user:<id>", ttl = 0),
        quote! {
            async fn get_user(id: u64, tenant: &str) -> User {
                load(id, tenant).await
            }
        },
    );
}

#[test]
fn a_half_typed_body_stays() {
    let expanded = crate::attribute(
        quote!(key = "k", ttl = 1),
        quote!(
            async fn f() {
                half.
            }
        ),
    );
    assert!(expanded.to_string().contains("{ half . }"), "{expanded}");
}

#[test]
fn the_companion_can_be_left_out() {
    let expanded = crate::attribute(
        quote!(key = "k", ttl = 1, entry = false),
        quote!(
            async fn f() {}
        ),
    );
    assert!(!expanded.to_string().contains("f_entry"));
}

#[test]
fn the_companion_takes_what_the_key_and_the_options_read() {
    let expanded = crate::attribute(
        quote!(key = "<a>", ttl = cfg.ttl, cache = pools[n], skip(b, cfg, pools, n, skipped)),
        quote! {
            async fn f<'a, T: Into<U>, U, V>((mut a, b): (T, u8), cfg: &'a Cfg, pools: &P, n: usize, skipped: V) -> u8
            where V: Copy, T: Clone {}
        },
    );
    let signature = quote! {
        fn f_entry<'a, T: Into<U>, U>((a, b): (T, u8), cfg: &'a Cfg, pools: &P, n: usize) -> ::cachefence::Entry<u8>
        where T: Clone
    };
    let expanded = expanded.to_string();
    assert!(expanded.contains(&signature.to_string()), "{expanded}");
}
