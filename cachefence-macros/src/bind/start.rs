//! The start of a placeholder: an argument, a const parameter, or a type parameter of which it names a constant.

use proc_macro2::{Ident, Span};
use syn::GenericParam;
use syn::ext::IdentExt as _;

use crate::item::Item;
use crate::template::{Access, Placeholder};

/// Finds what the placeholder starts from; a name that the function does not know is made at `at`.
///
/// # Errors
///
/// The mistake in a placeholder; `None` if the function has nothing of the name.
pub(super) fn find(
    placeholder: &Placeholder,
    item: &Item,
    at: Span,
) -> Result<Ident, Option<String>> {
    let name = &placeholder.argument;
    let argument = item.find_name(name);
    let parameter = parameter(name, item);
    match (&placeholder.constant, argument, parameter) {
        (None, Some(argument), _) => Ok(argument.clone()),
        (None, None, Some(GenericParam::Const(parameter))) => Ok(parameter.ident.clone()),
        (None, None, Some(_)) => Err(Some(a_type(placeholder))),
        (None, None, None) if name == "Self" => Err(Some(a_type(placeholder))),
        (None, None, None) => Err(None),
        (Some(constant), Some(_), _) => Err(Some(format!(
            "`{name}` is an argument, and a field of it is written `<{name}.{constant}>`; only a type parameter has constants"
        ))),
        (Some(_), None, Some(GenericParam::Const(_))) => {
            Err(Some(format!("`{name}` is a constant itself: write `<{name}>`")))
        }
        (Some(_), None, Some(GenericParam::Type(parameter))) => Ok(parameter.ident.clone()),
        // A parameter of the enclosing `impl`, which the macro cannot see; the compiler reports a name that nothing has.
        (Some(_), None, _) if name.starts_with(char::is_uppercase) => Ok(Ident::new(name, at)),
        (Some(constant), None, _) => Err(Some(format!(
            "`{name}` is no type parameter, and only a constant of one can stand in the key, as in `<T::{constant}>`: what is the \
             same in every call is written as text"
        ))),
    }
}

/// The parameter of the function that has the name.
fn parameter<'a>(name: &str, item: &'a Item) -> Option<&'a GenericParam> {
    item.signature.generics.params.iter().find(|parameter| match parameter {
        GenericParam::Type(parameter) => parameter.ident.unraw() == name,
        GenericParam::Const(parameter) => parameter.ident.unraw() == name,
        GenericParam::Lifetime(_) => false,
    })
}

/// The message for a type where a value should be.
fn a_type(placeholder: &Placeholder) -> String {
    let name = &placeholder.argument;
    let constant = match placeholder.accesses.first() {
        Some(Access::Field(field)) => field,
        _ => "NAME",
    };
    format!(
        "`{name}` is a type, and a key is made of values: name a constant of it, as in `<{name}::{constant}>`"
    )
}
