//! Which lifetimes a signature's arguments have, judged by their tokens.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{FnArg, Signature};

use crate::names;

/// Whether the return type may have a lifetime that is elided: that of a receiver which borrows, or the only one of the arguments,
/// which may itself be hidden in an argument's type.
pub(crate) fn can_be_elided(signature: &Signature) -> bool {
    let inputs: Vec<&FnArg> = signature.inputs.iter().collect();
    let hides = |input: &&FnArg| match input {
        FnArg::Receiver(_) => false,
        FnArg::Typed(argument) => names::may_hide_a_lifetime(argument.ty.to_token_stream()),
    };
    borrows_self(&inputs)
        || match count(&inputs) {
            0 => inputs.iter().any(hides),
            count => count == 1,
        }
}

/// Whether there is a receiver that borrows, whose lifetime then goes before all others.
pub(crate) fn borrows_self(inputs: &[&FnArg]) -> bool {
    inputs.iter().any(|input| matches!(input, FnArg::Receiver(_)) && count(&[input]) > 0)
}

/// How many lifetimes are written, or elided after a `&`. An argument that may be compiled out counts for none.
pub(crate) fn count(inputs: &[&FnArg]) -> usize {
    let of = |input: &&FnArg| match input {
        FnArg::Receiver(receiver) => count_in(receiver.to_token_stream()),
        FnArg::Typed(argument) if argument.attrs.is_empty() => {
            count_in(argument.ty.to_token_stream())
        }
        FnArg::Typed(_) => 0,
    };
    inputs.iter().map(of).sum()
}

fn count_in(ty: TokenStream) -> usize {
    let mut count = 0;
    let mut before: Option<TokenTree> = None;
    for token in ty {
        let after_and = matches!(&before, Some(TokenTree::Punct(punct)) if punct.as_char() == '&');
        match &token {
            // `Fn(&str)` has a lifetime of its own.
            TokenTree::Group(_) if is_callable(before.as_ref()) => {}
            TokenTree::Group(group) => count += count_in(group.stream()),
            TokenTree::Punct(punct) if punct.as_char() == '&' => count += 1,
            // `&'a` is one.
            TokenTree::Punct(punct) if punct.as_char() == '\'' && !after_and => count += 1,
            _ => {}
        }
        before = Some(token);
    }
    count
}

fn is_callable(name: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Ident(name)) = name else { return false };
    name == "fn" || name.to_string().starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn lifetimes_are_counted_whether_they_are_written_or_not() {
        let count = |input: FnArg| super::count(&[&input]);
        assert_eq!(count(parse_quote!(&(a, b): (u64, u64))), 0);
        assert_eq!(count(parse_quote!(a: &'a (u8, Page<'_>, &str))), 3);
        assert_eq!(count(parse_quote!(a: &(dyn Fn(&str) -> &u8 + Send))), 2);
        assert_eq!(count(parse_quote!(#[cfg(x)] a: &str)), 0);
        assert!(borrows_self(&[&parse_quote!(self: &Arc<Self>)]));
        assert!(!borrows_self(&[&parse_quote!(self: Arc<Self>), &parse_quote!(a: &str)]));
    }

    #[test]
    fn what_can_be_elided() {
        for (signature, can) in [
            (parse_quote!(fn f(&self, a: &str)), true),
            (parse_quote!(fn f(a: &str, id: u64)), true),
            (parse_quote!(fn f(ctx: Ctx)), true),
            (parse_quote!(fn f(a: &str, b: &str)), false),
            (parse_quote!(fn f(id: u64, name: String)), false),
            (parse_quote!(fn f()), false),
        ] {
            let signature: Signature = signature;
            assert_eq!(can_be_elided(&signature), can, "{}", signature.to_token_stream());
        }
    }
}
