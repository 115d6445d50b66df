//! The companion `<name>_entry`: the cache entry that a call of the function reads and writes.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Attribute, FnArg, Generics, Meta, Visibility, parse_quote_spanned};

pub(crate) use self::value::Value;
use crate::args::Entry;
use crate::bind::Model;
use crate::call::CallTokens;
use crate::item::{Argument, Item};
use crate::value::Setting;
use crate::{generics, lints, names, pattern};

mod value;

/// Whether there is a companion.
///
/// In an `impl Trait for ..` no method may stand that the trait does not have. Where the function stands shows only below
/// `#[async_trait]`, and not always there: where it may be such an `impl`, the companion has to be asked for.
pub(crate) fn is_wanted(model: &Model) -> bool {
    match model.entry {
        Entry::No => false,
        Entry::Yes | Entry::Of(_) => true,
        Entry::Unsaid => !model.item.is_below_async_trait() || model.item.is_certainly_provided(),
    }
}

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
    let uses = uses(model, |name| !model.key.names(name));
    with_body(model, &Value::of(model), quote!(#uses #statements #call.into_entry()))
}

/// Builds a companion for a function that has a mistake, so that the compiler does not report the companion's callers too.
pub(crate) fn stand_in(model: &Model) -> TokenStream {
    let names_no_type = names::all_names(model.item.return_tokens()).contains("impl");
    let value = if names_no_type { Value::Named(quote!(())) } else { Value::of(model) };
    let uses = uses(model, |_| true);
    with_body(model, &value, quote!(#uses loop {}))
}

fn with_body(model: &Model, value: &Value, body: TokenStream) -> TokenStream {
    let item = &model.item;

    let attributes = item.attributes.iter().filter_map(shared);
    let visibility = &item.visibility;
    let name = &item.signature.ident;
    // Located at the function's name, where the compiler then reports another item that has the companion's name. Lints skip what
    // another crate's macro makes, so nothing has to be allowed here, which a `forbid` would not let pass.
    let at = Span::call_site().located_at(name.span());
    let entry = format_ident!("{}_entry", name.unraw(), span = at);

    let arguments = item.signature.inputs.iter().zip(&item.arguments);
    let read = arguments.filter(|(_, argument)| is_read(model, argument));
    let read: Vec<&FnArg> = read.map(|(input, _)| input).collect();
    let inputs: Vec<TokenStream> = read.iter().map(|input| plain(input)).collect();
    let [summary, key] = docs(model, value.hidden(model, &read));
    let value = value.entry(model, &read);
    let allowed = allowed(&inputs);
    let expressions = expressions(model);
    let in_key = model.key.starts();
    let mentioned = quote!(#(#inputs)* #value #(#expressions)* #(#in_key)*);
    let generics = generics(item, mentioned, at);
    let where_clause = &generics.where_clause;
    let hint = hint(model);

    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(at);
    let function = quote_spanned! {at=>
        #visibility fn #entry #generics (#(#inputs),*) -> #value #where_clause #block
    };

    quote! {
        #[doc = #summary]
        #[doc = ""]
        #[doc = #key]
        #(#attributes)*
        #allowed
        #hint
        #function
    }
}

/// The generic parameters that the companion needs, of those that the function has.
fn generics(item: &Item, mentioned: TokenStream, at: Span) -> Generics {
    let mut all = item.signature.generics.clone();
    if item.boxed.is_some() {
        generics::without_async_trait(&mut all);
    }
    let mut restricted = generics::restrict(&all, mentioned);
    // A method that returns a boxed future may be one of a trait whose objects are used, and these have no companions.
    let may_be_of_objects = item.boxed.is_some()
        && matches!(item.visibility, Visibility::Inherited)
        && (item.signature.receiver().is_some() || item.is_below_async_trait());
    if may_be_of_objects {
        let predicate = parse_quote_spanned!(at=> Self: Sized);
        restricted.make_where_clause().predicates.push(predicate);
    }
    restricted
}

/// Statements that use what the companion's arguments bind and its body does not read, such as the rest of a pattern.
fn uses(model: &Model, is_unread: impl Fn(&Ident) -> bool) -> TokenStream {
    let read = model.item.arguments.iter().filter(|argument| is_read(model, argument));
    let is_unread = &is_unread;
    let uses = read.flat_map(|Argument { names, cfgs, .. }| {
        let unread = names.iter().filter(|name| is_unread(name));
        unread.map(move |name| quote!(#(#cfgs)* let _ = &#name;))
    });
    uses.collect()
}

/// The one lint that would speak of a companion: that it needs no `Box` for what it only reads.
fn allowed(inputs: &[TokenStream]) -> Option<TokenStream> {
    let boxes = inputs.iter().any(|input| names::all_names(input.clone()).contains("Box"));
    boxes.then(|| quote!(#[allow(clippy::boxed_local)]))
}

/// The attribute by whose name the compiler says what to do where no companion can stand.
fn hint(model: &Model) -> Option<TokenStream> {
    let krate = &model.krate;
    // A function with a visibility does not stand in an `impl Trait for ..`.
    let may_be_of_a_trait = matches!(model.item.visibility, Visibility::Inherited);
    may_be_of_a_trait.then(
        || quote!(#[#krate::__private::where_no_companion_can_stand::write_entry_equals_false]),
    )
}

/// Makes the companion one that the attribute in [`hint`] has made: its `fn` and its block, between which rustc sees the item. Its
/// name is left alone, to which errors about calls point.
pub(crate) fn made_here(companion: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = companion.into_iter().collect();
    let is_fn = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == "fn");
    let at = tokens.iter().position(is_fn).unwrap_or(tokens.len());
    let block = tokens.len().saturating_sub(1);
    for made in [at, block] {
        if let Some(token) = tokens.get_mut(made) {
            token.set_span(Span::call_site().located_at(token.span()));
        }
    }
    tokens.into_iter().collect()
}

/// The companion's lines of documentation: what the companion is, the key of its entry, and what that holds if the type does not
/// show it.
fn docs(model: &Model, value: Option<String>) -> [String; 2] {
    let name = model.item.signature.ident.unraw();
    // No link to the function: the macro cannot tell a free function from one of an `impl`, and a broken link is a warning.
    let summary =
        format!(" The cache entry of `{name}`: its key, and `peek`, `set`, `invalidate`.");
    // Two backticks, because the template may hold one.
    let source = model.key.template.source.escape_debug();
    let key = format!(" Key: `` {source}{} ``", model.key.version);
    let value = value.map(|value| format!(". Value: `` {value} ``")).unwrap_or_default();
    [summary, key + &value]
}

/// The attribute for the companion: `cfg` decides whether it exists, `doc(hidden)` whether it is documented, and the lints that are
/// allowed are about what the signatures share.
fn shared(attribute: &Attribute) -> Option<Attribute> {
    let path = attribute.path();
    let hidden =
        || matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "hidden");
    let as_it_is = path.is_ident("cfg") || path.is_ident("doc") && hidden();
    if as_it_is { Some(attribute.clone()) } else { lints::for_companion(attribute) }
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
