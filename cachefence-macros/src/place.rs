//! A placeholder as an expression.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::Index;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;

use crate::template::{Access, Mistake, Placeholder};

/// An expression such as `user.id()`, or `T::NAME`.
///
/// The tokens are located at the key literal, so the compiler shows errors about the value's type there.
pub(crate) struct Place {
    /// The argument or parameter, with the hygiene of the place where it is bound.
    pub(crate) argument: Ident,
    /// The constant of a type parameter.
    constant: Option<Ident>,
    members: Vec<Member>,
}

/// A step of a [`Place`].
enum Member {
    Field(Ident),
    Index(Index),
    Method(Ident),
}

impl Place {
    /// Follows the placeholder from its argument or parameter; the tokens are located at `at`.
    pub(crate) fn new(
        argument: &Ident,
        placeholder: &Placeholder,
        at: Span,
    ) -> Result<Self, Mistake> {
        let mistake = |message| {
            let range = placeholder.range.clone();
            Mistake { message, range }
        };
        let constant = placeholder.constant.as_ref();
        let constant = constant.map(|name| identifier(name, Span::call_site().located_at(at)));
        let constant = constant.transpose().map_err(mistake)?;
        let accesses = placeholder.accesses.iter();
        let members: Result<_, String> = accesses.map(|access| Member::new(access, at)).collect();
        let members = members.map_err(mistake)?;
        let mut argument = argument.clone();
        argument.set_span(argument.span().located_at(at));
        Ok(Self { argument, constant, members })
    }
}

impl Member {
    fn new(access: &Access, at: Span) -> Result<Self, String> {
        let at = Span::call_site().located_at(at);
        match access {
            Access::Field(name) => identifier(name, at).map(Self::Field),
            Access::Method(name) => identifier(name, at).map(Self::Method),
            Access::Index(index) => Ok(Self::Index(Index { index: *index, span: at })),
        }
    }
}

/// Makes an identifier, a raw one if it is a keyword.
///
/// `Ident::new` is not used because it panics on a text that is no identifier, such as a keyword, and the template's parser knows
/// no keywords.
fn identifier(name: &str, span: Span) -> Result<Ident, String> {
    let parser = Ident::parse_any;
    let mut ident = syn::parse_str::<Ident>(name)
        .or_else(|_| parser.parse_str(&format!("r#{name}")))
        .map_err(|_| format!("`{name}` cannot name a field, a method or a constant"))?;
    ident.set_span(span);
    Ok(ident)
}

impl ToTokens for Place {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.argument.to_tokens(tokens);
        if let Some(constant) = &self.constant {
            syn::token::PathSep { spans: [self.argument.span(); 2] }.to_tokens(tokens);
            constant.to_tokens(tokens);
        }
        let dot = syn::token::Dot(self.argument.span());
        for member in &self.members {
            dot.to_tokens(tokens);
            match member {
                Member::Field(name) => name.to_tokens(tokens),
                Member::Index(index) => index.to_tokens(tokens),
                Member::Method(name) => {
                    name.to_tokens(tokens);
                    syn::token::Paren(name.span()).surround(tokens, |_| {});
                }
            }
        }
    }
}
