//! No argument of a detached function is one that no copy can stand for.
//!
//! Arguments that cannot be handed to a task for other reasons are left to the compiler, which knows the types; see
//! `cachefence/src/attribute/own.rs`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::FnArg;
use syn::spanned::Spanned as _;

use crate::bind::Model;
use crate::errors::Errors;

/// Reports each argument that borrows exclusively, or borrows a trait object.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    if !model.detached {
        return;
    }
    for input in &model.item.signature.inputs {
        let (ty, at) = match input {
            FnArg::Receiver(receiver) => (receiver.to_token_stream(), receiver.span()),
            FnArg::Typed(argument) => (argument.ty.to_token_stream(), argument.ty.span()),
        };
        match first_borrow(ty) {
            Some(Borrow::Exclusive) => {
                let message = "which cannot borrow an argument exclusively\nhelp: take it by value, or in an `Arc<Mutex<..>>`";
                report(at, message, errors);
            }
            Some(Borrow::TraitObject) => {
                let message = "for which a `&dyn` cannot be copied\nhelp: take an `Arc<dyn ..>`, or a `&Arc<dyn ..>`";
                report(at, message, errors);
            }
            None => {}
        }
    }
}

enum Borrow {
    Exclusive,
    TraitObject,
}

/// The first `&mut` or `&dyn` in a type.
fn first_borrow(ty: TokenStream) -> Option<Borrow> {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                // The lifetime of `&'a mut` is two tokens.
                if tokens.next_if(is_quote).is_some() {
                    tokens.next();
                }
                let first = match tokens.peek() {
                    // `&(dyn A + B)`
                    Some(TokenTree::Group(group)) => group.stream().into_iter().next(),
                    token => token.cloned(),
                };
                match first {
                    Some(TokenTree::Ident(ident)) if ident == "mut" => {
                        return Some(Borrow::Exclusive);
                    }
                    Some(TokenTree::Ident(ident)) if ident == "dyn" => {
                        return Some(Borrow::TraitObject);
                    }
                    _ => {}
                }
            }
            TokenTree::Group(group) => {
                let inner = first_borrow(group.stream());
                if inner.is_some() {
                    return inner;
                }
            }
            _ => {}
        }
    }
    None
}

fn is_quote(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '\'')
}

fn report(at: Span, what: &str, errors: &mut Errors) {
    errors.at(at, format!("`detached` runs the body in a task of its own, {what}"));
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use crate::bind;
    use crate::errors::messages_of;

    fn complaints(item: proc_macro2::TokenStream) -> Vec<String> {
        messages_of(|errors| {
            let args = quote!(key = "k", ttl = 1, detached, skip(self, a, b, c));
            let model = bind::model(args, item, errors).expect("it binds");
            super::check(&model, errors);
        })
    }

    #[test]
    fn what_no_copy_can_stand_for_is_reported() {
        let found = complaints(quote! {
            async fn f<'a>(&mut self, a: &'a mut u8, b: &(dyn Load + Sync), c: Option<&dyn Load>) {}
        });
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].contains("exclusively") && found[2].contains("Arc<dyn"), "{found:#?}");
    }

    #[test]
    fn the_rest_is_left_to_the_compiler() {
        let rest = quote!(
            async fn f(&self, a: &str, b: Arc<dyn Load>, c: fn(&u8) -> Box<dyn Load>) {}
        );
        assert!(complaints(rest).is_empty());
    }
}
