//! Every argument stands in the key or in `skip(..)`.
//!
//! A forgotten argument is how one tenant is served another's data: two calls that differ only in it would share one entry. So
//! the macro makes leaving one out a decision that is written down.

use std::ops::Range;

use proc_macro2::Ident;
use syn::Attribute;
use syn::ext::IdentExt as _;

use super::fix;
use crate::bind::Model;
use crate::caret;
use crate::errors::Errors;

/// Reports each argument that is left out, and each that is both in the key and skipped.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    for name in &model.skip {
        if model.key.names(name) {
            let message = format!(
                "`{name}` stands in the key, so it cannot be skipped: take it out of one of them"
            );
            errors.at(name.span(), message);
        }
    }
    for argument in &model.item.arguments {
        for name in &argument.names {
            if !model.key.names(name) && !skipped(model, name) {
                report(model, &argument.cfgs, name, errors);
            }
        }
        if let Some(wild) = &argument.wild
            && !skipped(model, wild)
        {
            let message = format!(
                "this argument has no name, so it cannot stand in the key\n\
                 help: name it, or leave it out with `{}`",
                fix::with_skip(model, "_")
            );
            errors.at_under(&argument.cfgs, wild.span(), message);
        }
    }
}

fn skipped(model: &Model, name: &Ident) -> bool {
    model.skip.iter().any(|skipped| skipped.unraw() == name.unraw())
}

/// Reports an argument that is left out.
fn report(model: &Model, cfgs: &[Attribute], name: &Ident, errors: &mut Errors) {
    let key = &model.key.template.source;
    let plain = name.unraw();
    // `{id}` is a legal hash tag, or plain text. Where `id` is neither in a placeholder nor skipped, `<id>` was probably meant.
    if let Some((value, range)) = braced(key, &plain.to_string()) {
        let message = format!("write `<{value}>`: braces are literal");
        let message = caret::point(&message, key, &range);
        errors.at_under(cfgs, model.key.literal.span(), message);
        return;
    }
    // Two calls mostly differ in a field of `self`, so the message suggests a field.
    let placeholder = if name == "self" { "<self.field>".to_owned() } else { format!("<{plain}>") };
    let message = format!(
        "argument `{name}` stands neither in the key nor in `skip(..)`\n\
         help: `{}` if it changes the result,\n   \
         or `{}` if it does not",
        fix::with_placeholder(model, &placeholder),
        fix::with_skip(model, &name.to_string()),
    );
    errors.at_under(cfgs, name.span(), message);
}

/// Finds `{name}` or `{name.field}` in the key: what is between the braces, and where it is.
fn braced<'a>(key: &'a str, name: &str) -> Option<(&'a str, Range<usize>)> {
    key.match_indices('{').find_map(|(start, _)| {
        let (inner, _) = key[start + 1..].split_once('}')?;
        let rest = inner.strip_prefix(name)?;
        let is_value = rest.is_empty() || rest.starts_with('.');
        is_value.then(|| (inner, start..start + inner.len() + 2))
    })
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::*;
    use crate::bind::model;
    use crate::errors::messages_of;

    fn mistakes(args: TokenStream, item: TokenStream) -> Vec<String> {
        messages_of(|errors| {
            let model = model(args, item, errors);
            if let Some(model) = model {
                check(&model, errors);
            }
        })
    }

    #[test]
    fn a_forgotten_argument_is_named_with_both_fixes() {
        assert_eq!(
            mistakes(
                quote!(key = "user:<id>", ttl = 60),
                quote!(
                    async fn f(id: u64, tenant: &str) {}
                )
            ),
            ["argument `tenant` stands neither in the key nor in `skip(..)`\n\
              help: `#[cachefence(key = \"user:<id>:<tenant>\", ttl = 60)]` if it changes the result,\n   \
              or `#[cachefence(key = \"user:<id>\", ttl = 60, skip(tenant))]` if it does not"]
        );
    }

    #[test]
    fn each_forgotten_argument_is_reported() {
        let found = mistakes(
            quote!(key = "k", ttl = 60, cache = self.cache),
            quote!(
                async fn f(&self, (a, b): (A, B), _: C, r#type: D) {}
            ),
        );
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found[0].contains("<self.field>"));
        assert!(found[3].contains("skip(_)"));
        assert!(found[4].contains("<type>") && found[4].contains("skip(r#type)"));
    }

    #[test]
    fn the_key_and_skip_cover() {
        let covered = mistakes(
            quote!(key = "<self.x>:<a.b()>:<type>", ttl = 60, skip(b, _)),
            quote!(
                async fn f(&self, (a, b): (A, B), _: C, _: D, r#type: E, Unit: Unit) {}
            ),
        );
        assert!(covered.is_empty(), "{covered:?}");
        assert!(
            mistakes(
                quote!(key = "k", ttl = 60, skip(self)),
                quote!(
                    async fn f(&self) {}
                )
            )
            .is_empty()
        );
    }

    #[test]
    fn naming_an_argument_elsewhere_does_not_cover() {
        let found = mistakes(
            quote!(key = "k", ttl = cfg.ttl, cache = cfg.cache),
            quote!(
                async fn f(cfg: &C) {}
            ),
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn skipping_what_stands_in_the_key() {
        let found = mistakes(
            quote!(key = "<id>", ttl = 60, skip(id)),
            quote!(
                async fn f(id: u64) {}
            ),
        );
        assert_eq!(
            found,
            ["`id` stands in the key, so it cannot be skipped: take it out of one of them"]
        );
    }

    #[test]
    fn braces_in_the_place_of_brackets() {
        assert_eq!(
            mistakes(
                quote!(key = "user:{id}", ttl = 60),
                quote!(
                    async fn f(id: u64) {}
                )
            ),
            ["write `<id>`: braces are literal\nuser:{id}\n     ^^^^"]
        );
        // Legal: the argument is in the key, or skipped.
        assert!(
            mistakes(
                quote!(key = "{id}:<id>", ttl = 60),
                quote!(
                    async fn f(id: u64) {}
                )
            )
            .is_empty()
        );
        assert!(
            mistakes(
                quote!(key = "{id}", ttl = 60, skip(id)),
                quote!(
                    async fn f(id: u64) {}
                )
            )
            .is_empty()
        );
    }
}
