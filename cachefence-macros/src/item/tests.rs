use super::*;
use crate::errors::messages_of;

fn parse(tokens: TokenStream) -> Item {
    let mut errors = Errors::new();
    let item = Item::parse(tokens, &mut errors);
    errors.finish(item).map_err(|(error, _)| error.to_string()).unwrap()
}

fn mistakes(tokens: TokenStream) -> Vec<String> {
    messages_of(|errors| Item::parse(tokens, errors))
}

#[test]
fn arguments_and_their_names() {
    let item = parse(quote! {
        async fn f(self: Arc<Self>, (a, b): (A, B), _: C, r#type: D) {}
    });
    let names: Vec<_> = item.names().map(Ident::to_string).collect();
    assert_eq!(names, ["self", "a", "b", "r#type"]);
    assert!(item.arguments[2].wild.is_some());
    assert!(item.find_name("type").is_some());
    assert!(item.find_name("c").is_none());
}

#[test]
fn a_half_typed_body_is_kept() {
    let item = parse(quote!(async fn f() { let x = user. }));
    assert_eq!(item.body.to_string(), quote!({ let x = user. }).to_string());
}

#[test]
fn inner_attributes_are_split_off() {
    let item = parse(quote!(
        async fn f() {
            #![allow(dead_code)]
            work()
        }
    ));
    assert_eq!(item.inner_attributes.len(), 1);
    assert_eq!(item.body.to_string(), quote!({ work() }).to_string());
}

#[test]
fn wrong_kinds_of_function() {
    assert_eq!(
        mistakes(quote!(
            fn f() {}
        )),
        ["`#[cachefence]` needs an async function: write `async fn f`"]
    );
    assert!(
        mistakes(quote!(
            const async fn f() {}
        ))[0]
            .starts_with("a `const fn`")
    );
    assert!(
        mistakes(quote!(
            async unsafe fn f() {}
        ))[0]
            .starts_with("an `unsafe fn`")
    );
    assert_eq!(
        mistakes(quote!(
            unsafe extern "C" fn f(n: u32, ...) {}
        ))
        .len(),
        3
    );
    assert!(
        mistakes(quote!(
            async fn f();
        ))[0]
            .contains("needs a body")
    );
    assert!(
        mistakes(quote!(
            async fn f() -> Vec<impl Copy> {}
        ))[0]
            .starts_with("`impl Trait`")
    );
    assert!(
        mistakes(quote!(
            async fn f(x: impl Copy) {}
        ))
        .is_empty()
    );
}

#[test]
fn wrong_kinds_of_item() {
    for (item, name) in [
        (
            quote!(
                pub struct S;
            ),
            "a `struct`",
        ),
        (
            quote!(
                enum E {}
            ),
            "an `enum`",
        ),
        (quote!(impl S {}), "an `impl`: put it on the methods"),
        (
            quote!(
                unsafe impl Send for S {}
            ),
            "an `impl`: put it on the methods",
        ),
        (
            quote!(
                pub(crate) trait T {}
            ),
            "a `trait`: put it on the methods",
        ),
        (
            quote!(
                mod m {}
            ),
            "a `mod`: put it on the functions",
        ),
        (
            quote!(
                static X: u8 = 1;
            ),
            "a `static`",
        ),
    ] {
        assert_eq!(
            mistakes(item),
            [format!("`#[cachefence]` stands on an `async fn`, not on {name}")]
        );
    }
    assert_eq!(
        mistakes(quote!(
            const X: u8 = 1;
        )),
        ["`#[cachefence]` stands on an `async fn`, not on a `const`"]
    );
}

#[test]
fn a_function_that_returns_a_future() {
    let [message] = &mistakes(quote!(
        fn f(id: u64) -> impl Future<Output = io::Result<User>> {
            load(id)
        }
    ))[..] else {
        panic!("one mistake");
    };
    assert!(message.contains("write `async fn f(..) -> io::Result<User>`"), "{message}");

    let item = parse(quote!(
        fn f(id: u64) -> Pin<Box<dyn Future<Output = User>>> {
            Box::pin(async move { load(id).await })
        }
    ));
    assert_eq!(item.return_tokens().to_string(), "User");
    assert_eq!(item.body.to_string(), quote!({ load(id).await }).to_string());
}
