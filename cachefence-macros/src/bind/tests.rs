use quote::{ToTokens as _, quote};

use super::*;
use crate::errors::messages_of;

fn mistakes(key: &str, more: &TokenStream, item: TokenStream) -> Vec<String> {
    messages_of(|errors| model(quote!(key = #key, ttl = 60, #more), item, errors))
}

fn places(key: &str, item: TokenStream) -> Vec<String> {
    let mut errors = Errors::new();
    let bound = model(quote!(key = #key, ttl = 60), item, &mut errors);
    let model = errors.finish(bound).map_err(|(error, _)| error.to_string()).unwrap();
    let place = |part: &Part| match part {
        Part::Text(_) => None,
        Part::Value(place) => Some(place.to_token_stream().to_string().replace(' ', "")),
    };
    model.key.parts.iter().filter_map(place).collect()
}

#[test]
fn placeholders_become_expressions() {
    assert_eq!(
        places(
            "<self.tenant>:<user.id()>:<pair.0.1>:<type>:<user.type>:<b>",
            quote!(
                async fn f(&self, user: U, pair: P, r#type: T, (a, b): (A, B)) {}
            )
        ),
        ["self.tenant", "user.id()", "pair.0.1", "r#type", "user.r#type", "b"]
    );
}

#[test]
fn constants_and_parameters_become_expressions() {
    assert_eq!(
        places(
            "<T::NAME>:<T::KIND.id()>:<N>:<Self::NAME>:<Db::NAME>",
            quote!(
                async fn f<T: Table, const N: usize>() {}
            )
        ),
        ["T::NAME", "T::KIND.id()", "N", "Self::NAME", "Db::NAME"]
    );
}

#[test]
fn what_names_no_constant_of_a_type_parameter() {
    for (key, message) in [
        (
            "<T>",
            "`T` is a type, and a key is made of values: name a constant of it, as in `<T::NAME>`\n<T>\n^^^",
        ),
        (
            "<Self>",
            "`Self` is a type, and a key is made of values: name a constant of it, as in `<Self::NAME>`\n<Self>\n^^^^^^",
        ),
        (
            "<T.ID>",
            "`T` is a type, and a key is made of values: name a constant of it, as in `<T::ID>`\n<T.ID>\n^^^^^^",
        ),
        ("<N::ID>", "`N` is a constant itself: write `<N>`\n<N::ID>\n^^^^^^^"),
        (
            "<id::x>",
            "`id` is an argument, and a field of it is written `<id.x>`; only a type parameter has constants\n<id::x>\n^^^^^^^",
        ),
        (
            "<app::ID>",
            "`app` is no type parameter, and only a constant of one can stand in the key, as in `<T::ID>`: what is the same in \
             every call is written as text\n<app::ID>\n^^^^^^^^^",
        ),
    ] {
        let item = quote!(
            async fn f<T, const N: u8>(id: u64) {}
        );
        assert_eq!(mistakes(key, &quote!(), item), [message]);
    }
}

#[test]
fn the_version_is_the_last_text() {
    for (key, text) in [("user:<id>", "~v3"), ("user:<id>:x", ":x~v3"), ("user", "user~v3")] {
        let mut errors = Errors::new();
        let args = quote!(key = #key, ttl = 60, version = 3);
        let item = quote!(
            async fn f(id: u64) {}
        );
        let bound = model(args, item, &mut errors);
        let model = errors.finish(bound).map_err(|(error, _)| error.to_string()).unwrap();
        let last = model.key.parts.last();
        assert!(matches!(last, Some(Part::Text(found)) if found == text), "{key}");
    }
}

#[test]
fn self_as_a_type_is_skipped_where_there_is_no_receiver() {
    let item = quote!(
        async fn f() {}
    );
    assert!(mistakes("k", &quote!(skip(Self)), item).is_empty());
    let item = quote!(
        async fn f(&self) {}
    );
    let found = mistakes("k", &quote!(skip(self, Self)), item);
    assert_eq!(
        found,
        [
            "`Self` goes with `self`, and no hash of it is in the key: there is nothing to skip, so take `Self` out of `skip(..)`"
        ]
    );
}

#[test]
fn an_unknown_argument_is_shown_in_the_template() {
    assert_eq!(
        mistakes(
            "user:<tenant>:<idd>",
            &quote!(),
            quote!(
                async fn f(id: u64, tenant: &str) {}
            )
        ),
        ["no argument named `idd` fills `<idd>`; the function takes `id`, `tenant`\n\
          user:<tenant>:<idd>\n              \
          ^^^^^\n\
          did you mean `id`?"]
    );
    assert_eq!(
        mistakes(
            "<self.id>",
            &quote!(),
            quote!(
                async fn f() {}
            )
        ),
        [
            "no argument named `self` fills `<self.id>`; the function takes no arguments\n<self.id>\n^^^^^^^^^"
        ]
    );
}

#[test]
fn every_mistake_of_the_template_is_reported() {
    assert_eq!(
        mistakes(
            "<x>:<y>",
            &quote!(skip(z)),
            quote!(
                async fn f() {}
            )
        )
        .len(),
        3
    );
    assert_eq!(
        mistakes(
            "<>a>",
            &quote!(),
            quote!(
                async fn f() {}
            )
        )
        .len(),
        2
    );
}

#[test]
fn keywords_that_cannot_be_raw_name_no_field() {
    assert!(
        mistakes(
            "<a.self>",
            &quote!(),
            quote!(
                async fn f(a: A) {}
            )
        )[0]
        .starts_with("`self` cannot name a field")
    );
}

#[test]
fn unknown_names_in_skip() {
    assert_eq!(
        mistakes(
            "k",
            &quote!(skip(dbb)),
            quote!(
                async fn f(db: &Db, _: u8) {}
            )
        ),
        ["no argument named `dbb` to skip; the function takes `db`, `_`\ndid you mean `db`?"]
    );
    assert!(
        mistakes(
            "k",
            &quote!(skip(self, a, _, r#type)),
            quote!(
                async fn f(&self, (a, b): A, _: u8, r#type: u8) {}
            )
        )
        .is_empty()
    );
    assert_eq!(
        mistakes(
            "k",
            &quote!(skip(self)),
            quote!(
                async fn f() {}
            )
        ),
        ["no argument named `self` to skip; the function takes no arguments"]
    );
}
