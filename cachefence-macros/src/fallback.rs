//! The output for an item with mistakes: every error, and the item as it was.
//!
//! Without the item, the compiler would report each call of the function as well, and an editor would lose the code that is being
//! typed. For the same reason there is a companion, if enough is known for its signature.

use proc_macro2::TokenStream;

use crate::bind::Model;
use crate::companion;

/// Emits the errors, the item untouched, and a companion that only has its signature, if that is known.
///
/// ```text
/// compile_error! { "missing `ttl`, as in `ttl = 60`" }
/// async fn get_user(id: u64) -> User { .. }
/// fn get_user_entry(id: u64) -> ::cachefence::Entry<User> { let _ = &id; loop {} }
/// ```
pub(crate) fn untouched(
    item: TokenStream,
    model: Option<&Model>,
    error: &syn::Error,
) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(item);
    // No companion for a function without a body: where it stands, as in an `extern` block, a body may not be allowed.
    let wanted = model.filter(|model| companion::is_wanted(model) && model.item.has_body);
    tokens.extend(wanted.map(companion::stand_in));
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
        let tokens = untouched(item.clone(), None, &error).to_string();
        assert!(tokens.contains("\"first\"") && tokens.contains("\"second\""));
        assert_eq!(tokens.matches("compile_error").count(), 2);
        assert!(tokens.ends_with(&item.to_string()));
    }

    #[test]
    fn the_companion_stays_where_the_key_is_known() {
        let item = quote!(
            pub async fn f(&self, id: u64) -> u64 {}
        );
        let companion = quote!(
            pub fn f_entry(&self, id: u64) -> ::cachefence::Entry<u64> {
                let _ = &self;
                let _ = &id;
                loop {}
            }
        );
        for (args, stays) in [
            (quote!(key = "<self.tenant>:<id>", ttl = 0), true),
            (quote!(key = "<self.tenant>:<id>"), true),
            (quote!(key = "<self.tenant>:<idd>", ttl = 1), false),
            (quote!(key = "<self.tenant>:<id>", ttl = 0, entry = false), false),
        ] {
            let tokens = crate::attribute(args.clone(), item.clone()).to_string();
            assert_eq!(tokens.contains(&companion.to_string()), stays, "{args}: {tokens}");
        }
    }
}
