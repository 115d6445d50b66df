//! The expansion: the function, its body wrapped, and the companion beside it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::bind::Model;
use crate::call::{self, CallTokens};
use crate::companion;
use crate::detached;
use crate::generics;
use crate::item::Item;
use crate::lifetimes;
use crate::lints;
use crate::names;

/// Expands a function that has passed every check.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let tokens = call::build(model);
    let function = function(model, &tokens);
    let companion = companion::is_wanted(model).then(|| companion::companion(model, &tokens));
    quote!(#function #companion)
}

/// Wraps the body; signature, visibility and attributes stay as they are.
///
/// Input:
/// ```text
/// #[cachefence(key = "user:<id>", ttl = 60)]
/// pub async fn get_user(id: u64) -> Result<User, sqlx::Error> { BODY }
/// ```
///
/// Output:
/// ```text
/// pub async fn get_user(id: u64) -> Result<User, sqlx::Error> {
///     let __cachefence_call = (|| {
///         let mut __cachefence_key = ..;
///         ::cachefence::__private::Call::new(..).ttl(..)
///     })();
///     let __cachefence_kind = {
///         use ::cachefence::__private::kind::{probes::*, ByClone as _, CloneOne as _, NotKept as _};
///         let __cachefence_probe = &&&::cachefence::__private::kind::Probe::<Result<User, sqlx::Error>>::new();
///         (&__cachefence_probe)
///             .__cachefence_kind()
///             .with(__cachefence_probe.__cachefence_values(), ..)
///     };
///     let __cachefence_served = __cachefence_kind.run(&__cachefence_call, move || async move {
///         if let ::cachefence::__private::Option::Some(__cachefence_ret)
///             = ::cachefence::__private::Option::None::<Result<User, sqlx::Error>>
///         {
///             return __cachefence_ret;
///         }
///         { BODY }
///     }).await;
///     __cachefence_served
/// }
/// ```
///
/// - The *kind* says how callers that wait together share an error, and the *values* how they share a value. The compiler picks
///   both by the return type, whatever its alias: the number of `&` orders the traits, and method lookup takes the first one
///   whose bounds hold (autoref specialisation). Where the return type may hide a lifetime, a function type that
///   returns it is given too (`Page, fn(&()) -> Page`), which tells.
/// - `run` takes a closure, which makes the body's future in its final place. A future that is moved there would take its room
///   twice, because the future around it keeps room for both places.
/// - The `if let` never runs. As the first `return` it fixes the type of the block, so that `?`, `return` and `collect()` in the
///   body infer as they do in the plain function. `let ret: R = { BODY }; ret` would fix the type as well, but warns where the
///   body diverges; to allow those lints would silence them in the user's code.
fn function(model: &Model, tokens: &CallTokens) -> TokenStream {
    let item = &model.item;
    let krate = &model.krate;
    let CallTokens { statements, call } = tokens;
    let result = return_site(item);
    // These variables and the whole call below are located at the return type, so that the compiler reports a value that
    // cannot be cached once, and at its type.
    let [call_variable, kind, probe] = ["call", "kind", "probe"].map(|name| {
        let mut variable = call::local(name);
        variable.set_span(result);
        variable
    });

    let attributes = item.attributes.iter().map(lints::for_function);
    let visibility = &item.visibility;
    let signature =
        if model.detached { &detached::signature(&item.signature) } else { &item.signature };
    let inner_attributes = &item.inner_attributes;
    let ty = item.return_tokens();
    let pin = pin(model, &ty, result);
    let may_be_static = may_be_static(item, &ty);
    let for_static = may_be_static.then(|| quote!(ByClone as _, CloneOne as _,));
    let may_hide =
        lifetimes::can_be_elided(&item.signature) && names::may_hide_a_lifetime(ty.clone());
    let whole = (may_be_static && may_hide).then(|| quote!(, fn(&()) -> #ty));
    let checked = companion::is_wanted(model).then(|| check_value(model, &probe, result)).flatten();
    // The inner braces count as generated, so no lint says that they are not needed. The outer braces are the user's: they end
    // the function's span, so the compiler still treats the function as one that the user wrote.
    let at = Span::mixed_site().located_at(item.body.span());
    let body = item.body.stream();
    let body = quote_spanned!(at=> { #body });
    let (run, not_send, recompute) = if model.detached {
        ("run_detached", quote!(NotSent), detached::recompute(model, &pin, body))
    } else {
        ("run", quote!(NotKept), quote!(move || async move { #pin #body }))
    };
    let run = Ident::new(run, result);
    let mut served_variable = call::local("served");
    served_variable.set_span(result);
    // Not the block's last expression, whose temporaries would be dropped after the variables in edition 2021.
    let served = quote_spanned! {result=>
        let #served_variable = #kind.#run(&#call_variable, #recompute).await;
        #served_variable
    };
    let chosen = match &model.clone_error {
        None => quote!((&#probe).__cachefence_kind()),
        Some((name, clone)) => {
            let at = Span::mixed_site().located_at(name.span());
            let clone_by = quote_spanned!(at=> clone_by(&#probe, #clone));
            quote!((&#probe).__cachefence_kind().#clone_by)
        }
    };
    // A closure, so that nothing of it stays on the stack while a body is polled; `call.rs` counts this closure.
    let call_made = if names::leaves(call.clone()) {
        quote!({ #statements #call })
    } else {
        quote!((|| { #statements #call })())
    };
    let wrapped = quote! {
        let #call_variable = #call_made;
        let #kind = {
            use #krate::__private::kind::{probes::*, #for_static #not_send as _};
            let #probe = &&&#krate::__private::kind::Probe::<#ty #whole>::new();
            #checked
            #chosen
                .with(
                    #probe.__cachefence_values(),
                    #probe.__cachefence_errors(),
                    #probe.__cachefence_equality(),
                    #probe.__cachefence_print(),
                )
        };
        #served
    };
    let block = |content| {
        let mut block = Group::new(Delimiter::Brace, content);
        block.set_span(item.body.span());
        block
    };
    let wrapped = match &item.boxed {
        Some(boxed) => boxed.wrap(&block(wrapped)),
        None => wrapped,
    };
    let block = block(quote!(#(#inner_attributes)* #wrapped));
    quote! {
        #(#attributes)*
        #visibility #signature #block
    }
}

/// Whether the return type may be `'static`, as a result has to be that is kept for other callers.
///
/// Method lookup ignores lifetimes. So the traits that need `'static` are not offered where the type may not be `'static`: where
/// it mentions a lifetime, a reference or a parameter of the function. The macro cannot see the parameters of an
/// enclosing `impl`: it takes `Self`, names such as `E` and `T2`, and paths such as `Db::Row` for some of them. Where a parameter
/// has another name, the compiler demands that it is `'static`.
fn may_be_static(item: &Item, ty: &TokenStream) -> bool {
    let names = names::all_names(ty.clone());
    let borrows = names.iter().any(|name| name.starts_with('\'') && name != "'static");
    let parameters = item.signature.generics.params.iter().filter_map(generics::value_parameter);
    let may_be_parameter = names::starts_at_a_type(ty.clone())
        || names.iter().any(|name| name == "Self" || names::looks_like_a_parameter(name));
    !borrows
        && !may_be_parameter
        && !ty.to_string().replace("& 'static", "").contains('&')
        && parameters.map(ToString::to_string).all(|parameter| !names.contains(&parameter))
}

/// The statement that checks what the companion's entry was guessed, or said, to hold.
fn check_value(model: &Model, probe: &Ident, at: Span) -> Option<TokenStream> {
    let companion::Value::Checked(value) = companion::Value::of(model) else { return None };
    let krate = &model.krate;
    Some(quote_spanned! {at=>
        {
            use #krate::__private::held::{HoldsAny as _, HoldsOk as _};
            #krate::__private::held::check::<#value, _>(#probe.__cachefence_held());
        }
    })
}

/// The place of the return type, where the compiler shows errors about the result.
fn return_site(item: &Item) -> Span {
    let written = item.return_type().map_or_else(Span::mixed_site, Spanned::span);
    Span::mixed_site().located_at(written)
}

/// The statement that fixes the block's type.
///
/// The statement is located at the return type, since the compiler points to it: "return type inferred to be `u64` here".
fn pin(model: &Model, ty: &TokenStream, at: Span) -> TokenStream {
    let krate = &model.krate;
    let mut ret = call::local("ret");
    ret.set_span(at);
    quote_spanned! {at=>
        if let #krate::__private::Option::Some(#ret) = #krate::__private::Option::None::<#ty> {
            return #ret;
        }
    }
}

#[cfg(test)]
mod tests;
