//! The attribute as it should be: for messages that can be copied.

use proc_macro2::{Ident, TokenStream, TokenTree};

use crate::bind::Model;
use crate::code;

/// The attribute with `placeholder` added to its key, such as `<tenant>`.
pub(crate) fn with_placeholder(model: &Model, placeholder: &str) -> String {
    let key = &model.key.template.source;
    // A new part needs a separator before it, unless the key ends with one.
    let separator = if key.ends_with([':', '/', '|', '#']) { "" } else { ":" };
    let key = format!("key = {:?}", format!("{key}{separator}{placeholder}"));
    attribute(model, &key, &skipped(model))
}

/// The attribute with `name` added to its `skip(..)`.
pub(crate) fn with_skip(model: &Model, name: &str) -> String {
    let mut names = skipped(model);
    names.push(name.to_owned());
    attribute(model, "", &names)
}

/// The names that are skipped so far. A name that no argument has is not among them; it has been reported.
fn skipped(model: &Model) -> Vec<String> {
    model.skip.iter().map(Ident::to_string).collect()
}

/// The attribute with another key, unless that is empty, and other names to skip.
fn attribute(model: &Model, key: &str, names: &[String]) -> String {
    let skip = format!("skip({})", names.join(", "));
    let mut found = false;
    let mut shown = Vec::new();
    for option in options(&model.source) {
        if is_named(&option, "key") && !key.is_empty() {
            shown.push(key.to_owned());
        } else if is_named(&option, "skip") {
            found = true;
            shown.push(skip.clone());
        } else {
            shown.push(code::text(&option));
        }
    }
    if !found {
        shown.push(skip);
    }
    shown.retain(|option| option != "skip()");
    format!("#[cachefence({})]", shown.join(", "))
}

/// Splits at the commas between options.
///
/// A comma inside an expression (`f::<A, B>()`) splits as well, which is harmless: the pieces are joined with commas again.
fn options(args: &TokenStream) -> Vec<TokenStream> {
    let mut options = vec![TokenStream::new()];
    for token in args.clone() {
        match (&token, options.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                options.push(TokenStream::new());
            }
            (_, Some(option)) => option.extend([token]),
            (_, None) => {}
        }
    }
    options.retain(|option| !option.is_empty());
    options
}

fn is_named(option: &TokenStream, name: &str) -> bool {
    matches!(option.clone().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == name)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;
    use crate::bind;
    use crate::errors::Errors;

    /// The corrected attributes for a function that lacks `ctx`.
    fn fixes(args: TokenStream) -> [String; 2] {
        let item = quote!(
            async fn f(id: u64, db: &Db, ctx: &Ctx) {}
        );
        let mut errors = Errors::new();
        let model = bind::model(args, item, &mut errors).unwrap();
        let fixes = [with_placeholder(&model, "<ctx>"), with_skip(&model, "ctx")];
        let _ = errors.finish(Some(()));
        fixes
    }

    #[test]
    fn what_is_missing_is_added() {
        assert_eq!(
            fixes(quote!(key = "user:<id>", ttl = 60, skip(db),)),
            [
                r#"#[cachefence(key = "user:<id>:<ctx>", ttl = 60, skip(db))]"#,
                r#"#[cachefence(key = "user:<id>", ttl = 60, skip(db, ctx))]"#
            ]
        );
        assert_eq!(
            fixes(quote!(ttl = 60, key = "user:")),
            [
                r#"#[cachefence(ttl = 60, key = "user:<ctx>")]"#,
                r#"#[cachefence(ttl = 60, key = "user:", skip(ctx))]"#
            ]
        );
    }

    #[test]
    fn names_that_do_not_exist_are_left_out() {
        assert_eq!(
            fixes(quote!(key = "k", skip(conn, db), ttl = 60)),
            [
                r#"#[cachefence(key = "k:<ctx>", skip(db), ttl = 60)]"#,
                r#"#[cachefence(key = "k", skip(db, ctx), ttl = 60)]"#
            ]
        );
        assert_eq!(
            fixes(quote!(key = "k", skip(conn), ttl = 60))[0],
            r#"#[cachefence(key = "k:<ctx>", ttl = 60)]"#
        );
    }
}
