//! What is emitted when something is wrong: every error, and the item as it was.
//!
//! Without the item, each call of the function would be reported as well, and an editor would lose the code that is being typed.

use proc_macro2::TokenStream;

/// Emits the errors and the item untouched.
///
/// ```text
/// compile_error! { "missing `ttl`, as in `ttl = 60`" }
/// async fn get_user(id: u64) -> User { .. }
/// ```
pub(crate) fn untouched(item: TokenStream, error: &syn::Error) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(item);
    tokens
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    #[test]
    fn all_errors_and_the_item() {
        let mut error = syn::Error::new(Span::call_site(), "first");
        error.combine(syn::Error::new(Span::call_site(), "second"));
        let item = quote!(fn f() { x. });
        let tokens = untouched(item.clone(), &error).to_string();
        assert!(tokens.contains("\"first\"") && tokens.contains("\"second\""));
        assert_eq!(tokens.matches("compile_error").count(), 2);
        assert!(tokens.ends_with(&item.to_string()));
    }
}
