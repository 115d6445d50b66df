//! Functions that return a boxed future: what `#[async_trait]` makes of an async method.
//!
//! `#[async_trait]` stands on the whole `impl`, so the compiler expands it before the attribute of a method, which then finds no
//! async function any more:
//!
//! ```text
//! async fn load(&self, id: u64) -> Row { BODY }
//!
//! fn load<'life0, 'async_trait>(&'life0 self, id: u64) -> Pin<Box<dyn Future<Output = Row> + Send + 'async_trait>>
//! where 'life0: 'async_trait, Self: 'async_trait
//! {
//!     Box::pin(async move { BODY })
//! }
//! ```
//!
//! The cache holds the output of the `async` block. Only a body of exactly this form is taken apart; a function that makes its
//! future in another way is refused.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Type, TypeParamBound};

/// The name of the lifetime that `#[async_trait]` adds.
pub(crate) const ASYNC_TRAIT: &str = "async_trait";

/// The parts of a function that returns a boxed future.
pub(crate) struct Boxed {
    /// The output of the future.
    pub(crate) output: Type,
    /// `Box::pin`
    constructor: TokenStream,
    /// The parentheses after `Box::pin`, and the block inside them.
    argument: Group,
    /// `async move`
    qualifiers: [Ident; 2],
}

impl Boxed {
    /// Takes a function's body apart; gives its `async` block too, whose output the cache holds.
    pub(crate) fn split(output: &ReturnType, body: &Group) -> Option<(Self, Group)> {
        let output = future_output(output)?.clone();
        let mut constructor: Vec<TokenTree> = body.stream().into_iter().collect();
        let TokenTree::Group(argument) = constructor.pop()? else {
            return None;
        };
        let constructor: TokenStream = constructor.into_iter().collect();
        let path: Path = syn::parse2(constructor.clone()).ok()?;
        let is_pin = path.segments.last().is_some_and(|segment| segment.ident == "pin");
        if !is_pin || argument.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let tokens: Vec<TokenTree> = argument.stream().into_iter().collect();
        let [TokenTree::Ident(first), TokenTree::Ident(second), TokenTree::Group(block)] =
            tokens.as_slice()
        else {
            return None;
        };
        if first != "async" || second != "move" || block.delimiter() != Delimiter::Brace {
            return None;
        }
        let qualifiers = [first.clone(), second.clone()];
        Some((Self { output, constructor, argument: argument.clone(), qualifiers }, block.clone()))
    }

    /// Makes the future of another block.
    ///
    /// ```text
    /// { call().await }   ->   Box::pin(async move { call().await })
    /// ```
    pub(crate) fn wrap(&self, block: &Group) -> TokenStream {
        let mut future = TokenStream::new();
        future.extend(self.qualifiers.iter().cloned().map(TokenTree::Ident));
        future.extend([TokenTree::Group(block.clone())]);
        let mut argument = Group::new(Delimiter::Parenthesis, future);
        argument.set_span(self.argument.span());

        let mut tokens = self.constructor.clone();
        argument.to_tokens(&mut tokens);
        tokens
    }
}

/// The output of a future type: `T` of `impl Future<Output = T>`, or of `Pin<Box<dyn Future<Output = T>>>`.
pub(crate) fn future_output(output: &ReturnType) -> Option<&Type> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    match &**ty {
        Type::ImplTrait(ty) => output_of(ty.bounds.iter()),
        ty => match argument_of(argument_of(ty, "Pin")?, "Box")? {
            Type::TraitObject(ty) => output_of(ty.bounds.iter()),
            _ => None,
        },
    }
}

/// `Box<T>` -> `T`
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(ty) = ty else {
        return None;
    };
    let last = ty.path.segments.last().filter(|last| last.ident == name)?;
    match arguments(&last.arguments).next()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// `Future<Output = T> + Send` -> `T`
fn output_of<'a>(mut bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<&'a Type> {
    bounds.find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        arguments(&last.arguments).find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
            _ => None,
        })
    })
}

fn arguments(arguments: &PathArguments) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments),
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    };
    arguments.into_iter().flat_map(|arguments| &arguments.args)
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    fn body(tokens: TokenStream) -> Group {
        Group::new(Delimiter::Brace, tokens)
    }

    #[test]
    fn a_boxed_future_is_taken_apart_and_made_again() {
        let output = parse_quote!(-> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = Option<u8>> + Send + 'a>>);
        let (boxed, block) =
            Boxed::split(&output, &body(quote!(Box::pin(async move { 1 })))).unwrap();
        assert_eq!(boxed.output, parse_quote!(Option<u8>));
        assert_eq!(block.to_string(), quote!({ 1 }).to_string());
        let made = boxed.wrap(&body(quote!(2)));
        assert_eq!(made.to_string(), quote!(Box::pin(async move { 2 })).to_string());
    }

    #[test]
    fn other_bodies_stay_whole() {
        let output = parse_quote!(-> Pin<Box<dyn Future<Output = u8>>>);
        for other in [
            quote!(),
            quote!(x),
            quote!(Box::pin(make())),
            quote!(Box::new(async move { 1 })),
            quote!(let x = 1; Box::pin(async move { x })),
            quote!(Box::pin(async { 1 })),
            quote!(Box::pin[async move { 1 }]),
        ] {
            assert!(Boxed::split(&output, &body(other.clone())).is_none(), "{other}");
        }
        let made = body(quote!(Box::pin(async move { 1 })));
        for other in [
            parse_quote!(-> Box<dyn Future<Output = u8>>),
            parse_quote!(-> Pin<Box<dyn Send>>),
            parse_quote!(-> Pin<Box<u8>>),
            parse_quote!(-> u8),
            ReturnType::Default,
        ] {
            assert!(Boxed::split(&other, &made).is_none());
        }
    }
}
