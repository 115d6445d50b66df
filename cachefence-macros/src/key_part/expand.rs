//! The `impl` of `KeyPart`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;

use super::bounds::bounds;
use super::input::{Field, Input, Variant};
use crate::call;

/// Expands a type without mistakes.
///
/// ```text
/// enum Search<T> { All, By(T), Page { of: T, number: u32 } }
///
///     #[automatically_derived]
///     impl<T> ::cachefence::KeyPart for Search<T> where T: ::cachefence::KeyPart {
///         fn write_part(&self, __cachefence_part: &mut ::cachefence::PartWriter<'_>) {
///             match self {
///                 Self::All {} => ::cachefence::PartWriter::text(__cachefence_part, "All"),
///                 Self::By { 0: __cachefence_0 } =>
///                     ::cachefence::__private::write_fields(__cachefence_part, "By", &[__cachefence_0]),
///                 Self::Page { of: __cachefence_0, number: __cachefence_1 } =>
///                     ::cachefence::__private::write_fields(__cachefence_part, "Page", &[__cachefence_0, __cachefence_1]),
///             }
///         }
///     }
/// ```
///
/// A struct is the pattern `Self { .. }` without a name. `write_fields` takes trait objects, so nothing is compiled for each
/// type but this.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let part = call::local("part");
    let arms = input.variants.iter().map(|variant| arm(input, variant, &part));
    // A reference is never without a value, as far as the compiler knows.
    let value = if input.variants.is_empty() { quote!(*self) } else { quote!(self) };
    let body = quote!(match #value { #(#arms)* });
    implementation(input, &part, &body)
}

/// Expands a type that has a mistake.
pub(crate) fn stand_in(input: &Input) -> TokenStream {
    implementation(input, &call::local("_part"), &quote!(loop {}))
}

fn implementation(input: &Input, part: &Ident, body: &TokenStream) -> TokenStream {
    let Input { name, krate, .. } = input;
    // Only where it is needed, because a crate may forbid it.
    let allowed = input.is_deprecated.then(|| quote!(#[allow(deprecated)]));
    let mut generics = input.generics.clone();
    let bounds = bounds(input);
    if !bounds.is_empty() {
        generics.make_where_clause().predicates.extend(bounds);
    }
    let (parameters, arguments, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #allowed
        impl #parameters #krate::KeyPart for #name #arguments #where_clause {
            fn write_part(&self, #part: &mut #krate::PartWriter<'_>) {
                #body
            }
        }
    }
}

/// The arm that writes a variant, or a struct.
fn arm(input: &Input, variant: &Variant, part: &Ident) -> TokenStream {
    let krate = &input.krate;
    let fields = variant.fields.iter().map(|field| pattern(input, field));
    let written: Vec<&Ident> = variant.written().map(|field| &field.binding).collect();
    let text = |name: &Ident| Literal::string(&name.unraw().to_string());
    let (of, write) = match (&variant.name, &written[..]) {
        (None, [field]) => (None, quote!(#krate::KeyPart::write_part(#field, #part))),
        (None, fields) => {
            (None, quote!(#krate::__private::write_fields(#part, "", &[#(#fields),*])))
        }
        (Some(name), []) => {
            let text = text(name);
            (Some(quote!(::#name)), quote!(#krate::PartWriter::text(#part, #text)))
        }
        (Some(name), fields) => {
            let text = text(name);
            let write = quote!(#krate::__private::write_fields(#part, #text, &[#(#fields),*]));
            (Some(quote!(::#name)), write)
        }
    };
    quote!(Self #of { #(#fields),* } => #write,)
}

/// `name: __cachefence_0`; for a `PhantomData`, a pattern that nothing else matches.
fn pattern(input: &Input, field: &Field) -> TokenStream {
    let krate = &input.krate;
    let Field { member, binding, phantom, .. } = field;
    if *phantom {
        let at = binding.span();
        return quote::quote_spanned!(at=> #member: #krate::__private::PhantomData);
    }
    quote!(#member: #binding)
}
