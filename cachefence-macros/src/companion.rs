//! The companion `<name>_entry`: the cache entry that a call of the function reads and writes.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Attribute, FnArg, GenericArgument, Meta, PathArguments, Type};

use crate::bind::Model;
use crate::call::CallTokens;
use crate::item::Argument;
use crate::value::Setting;
use crate::{generics, names, pattern};

/// Builds the companion.
///
/// ```text
/// #[cachefence(key = "user:<tenant>:<id>", ttl = 60, skip(db))]
/// pub async fn get_user(db: &Db, tenant: &str, mut id: u64) -> Result<User, sqlx::Error> { .. }
///
///     pub fn get_user_entry(tenant: &str, id: u64) -> ::cachefence::Entry<User> {
///         let mut __cachefence_key = ..;
///         ::cachefence::__private::Call::new(..).ttl(..).into_entry()
///     }
/// ```
///
/// The companion takes the arguments that the key, `cache` or a setting names, in their order, and the generic parameters that
/// these arguments and the value's type need.
pub(crate) fn companion(model: &Model, tokens: &CallTokens) -> TokenStream {
    let CallTokens { statements, call } = tokens;
    with_body(model, quote!(#statements #call.into_entry()))
}

/// Builds a companion for a function that has a mistake, so that the compiler does not report the companion's callers too.
pub(crate) fn stand_in(model: &Model) -> TokenStream {
    with_body(model, quote!(loop {}))
}

fn with_body(model: &Model, body: TokenStream) -> TokenStream {
    let item = &model.item;
    let krate = &model.krate;

    let attributes = item.attributes.iter().filter(|attribute| is_shared(attribute));
    let visibility = &item.visibility;
    let name = &item.signature.ident;
    let entry = format_ident!("{}_entry", name.unraw(), span = name.span());
    let [summary, key] = docs(model);

    let inputs: Vec<TokenStream> = item
        .signature
        .inputs
        .iter()
        .zip(&item.arguments)
        .filter(|(_, argument)| is_read(model, argument))
        .map(|(input, _)| plain(input))
        .collect();
    let value = value_type(item.return_type());
    let expressions = expressions(model);
    let in_key = model.key.starts();
    let generics = generics::restrict(
        &item.signature.generics,
        quote!(#(#inputs)* #value #(#expressions)* #(#in_key)*),
    );
    let where_clause = &generics.where_clause;

    // Located at the function's name, where the compiler then reports another item that has the companion's name.
    let at = Span::call_site().located_at(name.span());
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(at);
    let function = quote_spanned! {at=>
        #visibility fn #entry #generics (#(#inputs),*) -> #krate::Entry<#value> #where_clause #block
    };

    quote! {
        #[doc = #summary]
        #[doc = ""]
        #[doc = #key]
        // A pattern is copied whole, so it may bind names that the key does not read.
        #[allow(dead_code, unused_variables)]
        #(#attributes)*
        #function
    }
}

/// The companion's lines of documentation: what the companion is, and the key of its entry.
fn docs(model: &Model) -> [String; 2] {
    let name = model.item.signature.ident.unraw();
    // No link to the function: the macro cannot tell a free function from one of an `impl`, and a broken link is a warning.
    let summary =
        format!(" The cache entry of `{name}`: its key, and `peek`, `set`, `invalidate`.");
    // Two backticks, because the template may hold one.
    let source = model.key.template.source.escape_debug();
    let key = format!(" Key: `` {source}{} ``", model.key.version);
    [summary, key]
}

/// Whether the companion gets the attribute too: `cfg` decides whether it exists, `doc(hidden)` whether it is documented, and
/// `allow` is about lints that the signatures share.
fn is_shared(attribute: &Attribute) -> bool {
    let path = attribute.path();
    let hidden =
        || matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "hidden");
    path.is_ident("cfg") || path.is_ident("allow") || path.is_ident("doc") && hidden()
}

/// Whether the key or an expression among the options reads a name of the argument.
fn is_read(model: &Model, argument: &Argument) -> bool {
    let settings = model.settings.iter().filter_map(Setting::expr_over_arguments);
    let read: Vec<_> = settings.chain(&model.cache).map(quote::ToTokens::to_token_stream).collect();
    let in_options = |name: &Ident| read.iter().any(|expr| names::reads(expr.clone(), name));
    argument.names.iter().any(|name| model.key.names(name) || in_options(name))
}

/// The options that are expressions.
fn expressions(model: &Model) -> Vec<TokenStream> {
    let settings = model.settings.iter().filter_map(|setting| setting.value.expr());
    settings.chain(&model.cache).map(quote::ToTokens::to_token_stream).collect()
}

/// The input without the `mut` of its bindings, which the companion's body does not mutate.
///
/// ```text
/// mut self         ->   self
/// mut id: u64      ->   id: u64
/// ```
fn plain(input: &FnArg) -> TokenStream {
    match input {
        FnArg::Receiver(receiver) => {
            let mut receiver = receiver.clone();
            receiver.mutability = None;
            receiver.into_token_stream()
        }
        FnArg::Typed(argument) => {
            let attributes = &argument.attrs;
            let pattern = pattern::without_mut(argument.pat.to_token_stream());
            let ty = &argument.ty;
            quote!(#(#attributes)* #pattern: #ty)
        }
    }
}

/// The type of what is cached, judged by how the return type is written.
///
/// ```text
/// (none)                                 ()
/// Option<User>                           Option<User>
/// Result<User, Error>, io::Result<User>  User
/// fmt::Result                            ()
/// ApiResult<User>                        User
/// SearchResult                           SearchResult
/// ```
///
/// An alias of `Result` under another name can be told only by its name and its arguments: without arguments, a name such as
/// `SearchResult` is far more often a type of its own.
fn value_type(ty: Option<&Type>) -> TokenStream {
    let ty = match ty {
        None => return quote!(()),
        Some(Type::Group(group)) => return value_type(Some(&group.elem)),
        Some(Type::Paren(paren)) => return value_type(Some(&paren.elem)),
        Some(ty) => ty,
    };
    let Type::Path(path) = ty else {
        return ty.to_token_stream();
    };
    let Some(last) = path.path.segments.last() else {
        return ty.to_token_stream();
    };
    let name = last.ident.to_string();
    let first = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    };
    match first {
        Some(value) if name.ends_with("Result") => value.to_token_stream(),
        None if name == "Result" => quote!(()),
        _ => ty.to_token_stream(),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn the_value_is_what_ok_holds() {
        let value = |ty: Type| value_type(Some(&ty)).to_string().replace(' ', "");
        assert_eq!(value(parse_quote!(Result<User, Error>)), "User");
        assert_eq!(value(parse_quote!(std::io::Result<Vec<User>>)), "Vec<User>");
        assert_eq!(value(parse_quote!(ApiResult<'a, User>)), "User");
        assert_eq!(value(parse_quote!((Result<User>))), "User");
        assert_eq!(value(parse_quote!(fmt::Result)), "()");
        assert_eq!(value(parse_quote!(SearchResult)), "SearchResult");
        assert_eq!(value(parse_quote!(Option<User>)), "Option<User>");
        assert_eq!(value(parse_quote!(Option<Result<User, E>>)), "Option<Result<User,E>>");
        assert_eq!(value(parse_quote!((u8, u8))), "(u8,u8)");
        assert_eq!(value_type(None).to_string(), "()");
    }
}
