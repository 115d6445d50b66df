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
