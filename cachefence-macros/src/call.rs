//! The code that renders the key and describes the call: the function and its companion share it.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::bind::{Key, Model, Part};
use crate::item::Argument;
use crate::value::{Setting, Value};

/// The two pieces of the code, in the order in which they run.
pub(crate) struct CallTokens {
    /// Statements that render the key.
    pub(crate) statements: TokenStream,
    /// The expression of the call.
    pub(crate) call: TokenStream,
}

/// A local variable of the expansion, which user code can neither see nor shadow.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__cachefence_{name}"), Span::mixed_site())
}

/// Builds the call.
///
/// ```text
/// key = "user:<tenant>:<user.id()>", ttl = 60, beta = cfg.beta, cache = cfg.cache
///
///     let mut __cachefence_key = ::cachefence::__private::KeyWriter::new("user:<tenant>:<user.id()>");
///     ::cachefence::__private::KeyWriter::part_after(&mut __cachefence_key, "user:", &tenant);
///     ::cachefence::__private::KeyWriter::part_after(&mut __cachefence_key, ":", &user.id());
///     ::cachefence::__private::KeyWriter::enclosing(&mut __cachefence_key, || {}, "::get_user::{{closure}}::{{closure}}::{{closure}}");
/// and
///     ::cachefence::__private::Call::new(match &(cfg.cache) { chosen => ::cachefence::__private::cache(chosen) }, __cachefence_key)
///         .ttl(::cachefence::__private::Duration::new(60, 0))
///         .beta(cfg.beta)
/// ```
///
/// Without `cache` it begins with `::cachefence::__private::Call::installed(__cachefence_key)`.
pub(crate) fn build(model: &Model) -> CallTokens {
    let krate = &model.krate;
    let variable = local("key");
    let statements = render_key(model, &model.key, &variable);
    let call = match &model.cache {
        None => quote!(#krate::__private::Call::installed(#variable)),
        Some(cache) => {
            let at = Span::mixed_site().located_at(cache.span());
            // A `match` keeps the expected type out of the user's expression, whose type is inferred by itself.
            let mut chosen = local("chosen");
            chosen.set_span(at);
            let cache = quote_spanned!(at=> match &(#cache) { #chosen => #krate::__private::cache(#chosen) });
            quote!(#krate::__private::Call::new(#cache, #variable))
        }
    };
    let settings = model.settings.iter().map(|setting| set(model, setting));
    CallTokens { statements, call: quote!(#call #(#settings)*) }
}

/// Writes the template's segments into a `KeyWriter`, which keeps the template as the label of errors and events.
fn render_key(model: &Model, key: &Key, variable: &Ident) -> TokenStream {
    let krate = &model.krate;
    // All tokens but the arguments' names are located at the key literal, so the compiler reports a value that cannot be
    // part of a key there.
    let at = Span::mixed_site().located_at(key.literal.span());
    let label = Literal::string(&key.template.source);
    let literal = |text: Literal| quote_spanned!(at=> #krate::__private::KeyWriter::literal(&mut #variable, #text););
    let mut writes = TokenStream::new();
    let mut text = None;
    // Called by its path, because a trait in the user's scope may give every type a method of the same name. One call writes a
    // value and the text before it, because each call costs the compiler time.
    for part in &key.parts {
        match (part, text.take()) {
            (Part::Value(place), before) if model.item.is_conditional(&place.argument) => {
                writes.extend(before.map(&literal));
                let write = quote_spanned!(at=> #krate::__private::KeyWriter::part(&mut #variable, &#place););
                for Argument { cfgs, .. } in model.item.binding(&place.argument) {
                    writes.extend(quote!(#(#cfgs)* #write));
                }
            }
            (Part::Text(next), _) => text = Some(Literal::string(next)),
            (Part::Value(place), None) => writes.extend(
                quote_spanned!(at=> #krate::__private::KeyWriter::part(&mut #variable, &#place);),
            ),
            (Part::Value(place), Some(text)) => writes.extend(quote_spanned! {at=>
                #krate::__private::KeyWriter::part_after(&mut #variable, #text, &#place);
            }),
        }
    }
    let end = text.map(literal);
    let enclosing = enclosing(model, at, variable);
    quote_spanned! {at=>
        let mut #variable = #krate::__private::KeyWriter::new(#label);
        #writes
        #end
        #enclosing
    }
}

/// Writes what tells the types apart that enclose the function, unless they go with `self`, are skipped or are named.
///
/// The closure is there for its type: the compiler's name of it begins with the enclosing type, its arguments filled in. The text
/// is how that name ends in a function that has no parameters of its own: the body of an `async fn` is a closure to the compiler, and
/// the one around these statements another. Where the name ends so, the compiler sees whether there is a type to look for. The
/// companion has another name, and there the runtime looks.
fn enclosing(model: &Model, at: Span, variable: &Ident) -> Option<TokenStream> {
    let krate = &model.krate;
    let of_self = Ident::new("Self", at);
    let is_covered =
        model.item.has_receiver() || model.skip.contains(&of_self) || model.key.names(&of_self);
    (!is_covered).then(|| {
        let name = model.item.signature.ident.unraw();
        let tail = Literal::string(&format!("::{name}{}", "::{{closure}}".repeat(3)));
        quote_spanned!(at=> #krate::__private::KeyWriter::enclosing(&mut #variable, || {}, #tail);)
    })
}

/// `ttl = 60` -> `.ttl(::cachefence::__private::Duration::new(60, 0))`
fn set(model: &Model, setting: &Setting) -> TokenStream {
    let krate = &model.krate;
    let at = Span::mixed_site().located_at(setting.name.span());
    let method = Ident::new(&setting.name.to_string(), at);
    let value = match &setting.value {
        Value::Duration(duration) => {
            let seconds = Literal::u64_unsuffixed(duration.as_secs());
            let nanos = Literal::u32_unsuffixed(duration.subsec_nanos());
            quote_spanned!(at=> #krate::__private::Duration::new(#seconds, #nanos))
        }
        Value::Number(number) => Literal::f64_unsuffixed(*number).into_token_stream(),
        Value::Expr(expr) => expr.to_token_stream(),
    };
    quote_spanned!(at=> .#method(#value))
}
