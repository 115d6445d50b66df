//! The function below the attribute.
//!
//! The signature is parsed. The body stays a group of tokens, so that a body which is only half typed expands as well, and an
//! editor can still complete inside it.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{
    Attribute, Error, FnArg, Pat, PatType, Receiver, Result, ReturnType, Safety, Signature, Token,
    Type, TypeParamBound, Visibility, WherePredicate,
};

pub(crate) use self::boxed::ASYNC_TRAIT;
use self::boxed::Boxed;
use crate::errors::Errors;
use crate::{code, pattern};

mod boxed;
mod returned;

/// A function, its body unparsed.
pub(crate) struct Item {
    /// All attributes but ours, in their order.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// One for each input of the signature, in their order.
    pub(crate) arguments: Vec<Argument>,
    /// The attributes that the body starts with (`#![allow(..)]`): they belong at the start of a function's body.
    pub(crate) inner_attributes: Vec<Attribute>,
    /// The rest of the body, in its braces; of a function that returns a boxed future, the block that the future runs.
    pub(crate) body: Group,
    /// How the function makes its future, if it is not async itself.
    pub(crate) boxed: Option<Boxed>,
    /// Whether there is a body; without one, this is an empty one.
    pub(crate) has_body: bool,
}

/// What an input of the signature brings into scope.
pub(crate) struct Argument {
    /// The names that it binds: one, or those inside its pattern.
    pub(crate) names: Vec<Ident>,
    /// The `_` of an argument that has no name.
    pub(crate) wild: Option<Ident>,
    /// The `cfg`s that it stands below. A macro cannot know whether they hold.
    pub(crate) cfgs: Vec<Attribute>,
}

impl Item {
    /// Parses the item and checks that it is a function which can be cached.
    ///
    /// A function that cannot be cached, such as a `const fn`, is reported and returned all the same, so that the later stages
    /// find its other mistakes.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let item = errors.ok(Self::read.parse2(tokens))?;
        item.check_kind(errors);
        Some(item)
    }

    fn read(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        require_function(&input.fork())?;
        let signature: Signature = input.parse()?;
        let has_body = !input.peek(Token![;]);
        let body = if has_body {
            read_body(input)?
        } else {
            input.parse::<Token![;]>()?;
            Group::new(Delimiter::Brace, TokenStream::new())
        };
        let (inner_attributes, body) = split_body(&body)?;
        let boxed = match signature.asyncness {
            None => Boxed::split(&signature.output, &body),
            Some(_) => None,
        };
        let (boxed, body) = boxed.map_or((None, body), |(boxed, block)| (Some(boxed), block));
        Ok(Self {
            attributes,
            visibility,
            arguments: signature.inputs.iter().map(Argument::of).collect(),
            signature,
            inner_attributes,
            body,
            boxed,
            has_body,
        })
    }

    /// Reports what keeps the function from being cached.
    fn check_kind(&self, errors: &mut Errors) {
        let signature = &self.signature;
        let name = &signature.ident;
        if !self.has_body {
            let message =
                "`#[cachefence]` needs a body, which is what it caches: this function has none";
            errors.at(name.span(), message);
        }
        // A `const fn` and an `extern fn` cannot be async; each has a message of its own below.
        let can_be_async = signature.constness.is_none() && signature.abi.is_none();
        if signature.asyncness.is_none() && self.boxed.is_none() && can_be_async {
            errors.push(self.not_async());
        }
        if let Some(token) = signature.constness {
            errors.push(Error::new_spanned(
                token,
                "a `const fn` cannot be cached: it cannot wait for the cache; write `async fn`",
            ));
        }
        if let Safety::Unsafe(token) = signature.safety {
            let message = "an `unsafe fn` cannot be cached: a caller may get the value without the body being run, \
                           and what its safety rests on is then unchecked";
            errors.push(Error::new_spanned(token, message));
        }
        if let Some(abi) = &signature.abi {
            errors.push(Error::new_spanned(
                abi,
                "an `extern fn` cannot be cached: it cannot be async; write `async fn`",
            ));
        }
        if let Some(variadic) = &signature.variadic {
            errors.push(Error::new_spanned(
                variadic.dots,
                "a variadic function cannot be cached: it cannot be async",
            ));
        }
        if let Some(error) = returned::check(&signature.output) {
            errors.push(error);
        }
    }

    /// The error for a function that is not async, which says how such a function can be cached.
    fn not_async(&self) -> Error {
        let signature = &self.signature;
        let name = &signature.ident;
        match boxed::future_output(&signature.output) {
            None => {
                let message =
                    format!("`#[cachefence]` needs an async function: write `async fn {name}`");
                Error::new_spanned(signature.fn_token, message)
            }
            Some(output) => {
                let output = code::text(&output.to_token_stream());
                let message = format!(
                    "`#[cachefence]` caches what an async function returns, and this one returns a future: \
                     write `async fn {name}(..) -> {output}`,\n\
                     or make the future with `Box::pin(async move {{ .. }})` alone, as `#[async_trait]` does"
                );
                Error::new_spanned(&signature.output, message)
            }
        }
    }

    /// The type that the function gives once it is awaited; `None` if the signature has no return type.
    pub(crate) fn return_type(&self) -> Option<&Type> {
        if let Some(boxed) = &self.boxed {
            return Some(&boxed.output);
        }
        match &self.signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }

    /// The tokens of the return type: `()` if none is written.
    pub(crate) fn return_tokens(&self) -> TokenStream {
        self.return_type().map_or_else(|| quote!(()), quote::ToTokens::to_token_stream)
    }

    /// Whether the function takes `self`.
    pub(crate) fn has_receiver(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// Every name that the arguments bind, `self` included.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Ident> {
        self.arguments.iter().flat_map(|argument| &argument.names)
    }

    /// The arguments that bind a name; several if a `cfg` tells them apart.
    pub(crate) fn binding<'a>(&'a self, name: &'a Ident) -> impl Iterator<Item = &'a Argument> {
        let arguments = self.arguments.iter();
        arguments.filter(move |argument| argument.names.contains(name))
    }

    /// Whether the name is that of an argument below a `cfg`.
    pub(crate) fn is_conditional(&self, name: &Ident) -> bool {
        self.binding(name).any(|argument| !argument.cfgs.is_empty())
    }

    /// Whether the function is a method below `#[async_trait]`, which stands on traits and on their `impl`s alone.
    pub(crate) fn is_below_async_trait(&self) -> bool {
        let generics = &self.signature.generics;
        self.boxed.is_some() && generics.lifetimes().any(|own| own.lifetime.ident == ASYNC_TRAIT)
    }

    /// Whether the function is certainly provided by a trait, and not part of an `impl`: `#[async_trait]` gives provided methods
    /// the bound `Self: Sync + 'async_trait`, unless the trait itself has it, and others `Self: 'async_trait`.
    pub(crate) fn is_certainly_provided(&self) -> bool {
        let clause = &self.signature.generics.where_clause;
        let mut predicates = clause.iter().flat_map(|clause| &clause.predicates);
        self.is_below_async_trait()
            && predicates.any(|predicate| match predicate {
                WherePredicate::Type(bounded) => {
                    let of_self =
                        matches!(&bounded.bounded_ty, Type::Path(ty) if ty.path.is_ident("Self"));
                    let mut bounds = bounded.bounds.iter();
                    let mut with_lifetime = bounds.clone().filter(|bound| {
                        matches!(bound, TypeParamBound::Lifetime(own) if own.ident == ASYNC_TRAIT)
                    });
                    of_self
                        && with_lifetime.next().is_some()
                        && bounds.any(|bound| matches!(bound, TypeParamBound::Trait(_)))
                }
                _ => false,
            })
    }

    /// The argument name that reads as `name`; `r#` makes no difference.
    pub(crate) fn find_name(&self, name: &str) -> Option<&Ident> {
        self.names().find(|known| known.unraw() == name)
    }
}

impl Argument {
    fn of(input: &FnArg) -> Self {
        let (FnArg::Receiver(Receiver { attrs, .. }) | FnArg::Typed(PatType { attrs, .. })) = input;
        let cfgs = attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        let (names, wild) = match input {
            FnArg::Receiver(receiver) => (vec![Ident::new("self", receiver.self_token.span)], None),
            FnArg::Typed(argument) => match &*argument.pat {
                Pat::Wild(wild) => (Vec::new(), Some(Ident::new("_", wild.underscore_token.span))),
                pat => (pattern::bound_names(pat, &argument.ty), None),
            },
        };
        Self { names, wild, cfgs: cfgs.cloned().collect() }
    }
}

/// Reads the body. A body that a macro passes on as `$body:block` stands in an invisible group.
fn read_body(input: ParseStream<'_>) -> Result<Group> {
    let mut body: TokenTree = input.parse()?;
    loop {
        match body {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Ok(group),
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                body = syn::parse2(group.stream())?;
            }
            other => return Err(Error::new(other.span(), "expected the body of the function")),
        }
    }
}

/// Fails unless a function follows. The message names the item that follows; `syn` would only say "expected `fn`".
fn require_function(input: ParseStream<'_>) -> Result<()> {
    const QUALIFIERS: [&str; 4] = ["const", "async", "unsafe", "extern"];
    const ITEMS: [(&str, &str); 10] = [
        ("struct", "a `struct`"),
        ("enum", "an `enum`"),
        ("union", "a `union`"),
        ("trait", "a `trait`: put it on the methods"),
        ("impl", "an `impl`: put it on the methods"),
        ("mod", "a `mod`: put it on the functions"),
        ("type", "a `type`"),
        ("static", "a `static`"),
        ("use", "a `use`"),
        ("macro_rules", "a macro"),
    ];
    let mut after_const = false;
    loop {
        let token: TokenTree = input.parse()?;
        let name = match &token {
            // A literal here is the ABI after `extern`.
            TokenTree::Literal(_) => continue,
            TokenTree::Ident(ident) => ident.to_string(),
            _ => String::new(),
        };
        if name == "fn" {
            return Ok(());
        }
        if !QUALIFIERS.contains(&name.as_str()) {
            let item = ITEMS.iter().find(|(item, _)| *item == name).map(|(_, what)| *what);
            let what = match item {
                Some(what) => format!("on {what}"),
                None if after_const => "on a `const`".to_owned(),
                None => "here".to_owned(),
            };
            let message = format!("`#[cachefence]` stands on an `async fn`, not {what}");
            return Err(Error::new(token.span(), message));
        }
        after_const = name == "const";
    }
}

/// Splits the attributes off that the body starts with.
///
/// ```text
/// { #![allow(dead_code)] work() }   ->   #![allow(dead_code)]   { work() }
/// ```
fn split_body(body: &Group) -> Result<(Vec<Attribute>, Group)> {
    if body.delimiter() != Delimiter::Brace {
        return Err(Error::new(body.span(), "expected the function's body"));
    }
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_inner)?;
        let rest: TokenStream = input.parse()?;
        Ok((attributes, rest))
    };
    let (attributes, rest) = parser.parse2(body.stream())?;
    let mut body_rest = Group::new(Delimiter::Brace, rest);
    body_rest.set_span(body.span());
    Ok((attributes, body_rest))
}

#[cfg(test)]
mod tests;
