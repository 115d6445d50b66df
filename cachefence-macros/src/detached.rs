//! The body of a detached function, which runs in a task of its own.
//!
//! A task cannot borrow from the caller, so the caller copies what is borrowed, in the closure that makes the body's future, and
//! the future lends the copies to the body:
//!
//! ```text
//! async fn load(&self, tenant: &str, mut id: u64) -> Row { BODY }
//!
//! move || {
//!     let __cachefence_self = OWN(self);
//!     let tenant = OWN(tenant);
//!     let id = OWN(id);
//!     async move {
//!         let __cachefence_self = __cachefence_self.lend();   // &Self
//!         let tenant = tenant.lend();                         // &str
//!         let mut id = id.lend();                             // u64
//!         { BODY, with `__cachefence_self` for `self` }
//!     }
//! }
//! ```
//!
//! `OWN` is located at the argument's type, and chooses by that type; see `cachefence/src/attribute/own.rs`. Only what the body
//! reads is copied.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, Pat, Signature};

use crate::bind::Model;
use crate::names;
use crate::pattern;
use crate::rename;

/// Makes the closure that makes the body's future. `pin` fixes the type of the block, and stands before the `body`.
pub(crate) fn recompute(model: &Model, pin: &TokenStream, body: TokenStream) -> TokenStream {
    let mut owned = TokenStream::new();
    let mut lent = TokenStream::new();
    let mut body = body;
    let item = &model.item;
    for (input, argument) in item.signature.inputs.iter().zip(&item.arguments) {
        match input {
            FnArg::Receiver(receiver) => {
                let name = Ident::new("self", receiver.self_token.span);
                let variable = Ident::new("__cachefence_self", receiver.self_token.span);
                let Some(renamed) = rename::rename_self(body.clone(), &variable) else { continue };
                body = renamed;
                let mutability = &receiver.mutability;
                owned.extend(own(model, &variable, &name, receiver.span()));
                lent.extend(quote!(let #mutability #variable = #variable.lend();));
            }
            FnArg::Typed(typed) => {
                for name in &argument.names {
                    if !names::reads(body.clone(), name) {
                        continue;
                    }
                    let mutability = pattern::is_mutable(&typed.pat, name).then(|| quote!(mut));
                    let cfgs = &argument.cfgs;
                    let copy = own(model, name, name, typed.ty.span());
                    owned.extend(quote!(#(#cfgs)* #copy));
                    lent.extend(quote!(#(#cfgs)* let #mutability #name = #name.lend();));
                }
            }
        }
    }
    quote!(move || { #owned async move { #lent #pin #body } })
}

/// Makes a task's own of an argument.
fn own(model: &Model, variable: &Ident, argument: &Ident, at: Span) -> TokenStream {
    let krate = &model.krate;
    let at = Span::mixed_site().located_at(at);
    let mut way = crate::call::local("way");
    way.set_span(at);
    quote_spanned! {at=>
        let #variable = {
            use #krate::__private::own::{
                Borrowed as _, BorrowedCow as _, BorrowedOption as _, Owned as _, Uncloneable as _, Unsendable as _,
                Unshareable as _,
            };
            let #way = (&&&&&&#krate::__private::own::of(&#argument)).__cachefence_way();
            #way.own(#argument)
        };
    }
}

/// The signature without the `mut` of arguments, which moves to the variables inside the task.
pub(crate) fn signature(signature: &Signature) -> Signature {
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.mutability = None,
            FnArg::Typed(argument) => {
                let pat = pattern::without_mut(quote::ToTokens::to_token_stream(&argument.pat));
                if let Ok(pat) = syn::parse::Parser::parse2(Pat::parse_multi, pat) {
                    *argument.pat = pat;
                }
            }
        }
    }
    signature
}
