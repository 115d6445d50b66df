//! `#[derive(KeyPart)]`: a type is written into a key by its fields.
//!
//! ```text
//! type      -> input     its names, its variants and their fields, what is wrong with them
//!           -> expand    the `impl`, with the bounds that `bounds` finds
//! ```

mod bounds;
mod expand;
mod input;

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// Derives `KeyPart`. A type with mistakes gets an `impl` as well, so that its use in a template is no further mistake.
pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let input = input::Input::parse(tokens, &mut errors);
    match errors.finish(input) {
        Ok(input) => expand::expand(&input),
        Err((error, input)) => {
            let mut tokens = error.to_compile_error();
            tokens.extend(input.as_ref().map(expand::stand_in));
            tokens
        }
    }
}

#[cfg(test)]
mod tests;
