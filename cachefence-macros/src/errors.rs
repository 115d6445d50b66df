//! The accumulator of mistakes: one build reports all of them.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Attribute;

/// Collects every mistake that the stages find.
///
/// Every `Errors` must be read with [`finish`](Self::finish): dropped unread, its mistakes would never reach the user.
///
/// # Panics
///
/// When an `Errors` is dropped unread, unless the thread is panicking already.
pub(crate) struct Errors {
    found: Vec<syn::Error>,
    /// The mistakes that are none where what they concern is compiled out.
    conditional: TokenStream,
    read: bool,
}

impl Errors {
    /// Starts with no mistake.
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), conditional: TokenStream::new(), read: false }
    }

    /// Adds a mistake.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.found.push(error);
    }

    /// Adds a mistake that the compiler shows at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Adds a mistake that is one only where these `cfg`s hold, which only the compiler knows.
    pub(crate) fn at_under(&mut self, cfgs: &[Attribute], span: Span, message: impl Display) {
        if cfgs.is_empty() {
            return self.at(span, message);
        }
        let error = syn::Error::new(span, message).to_compile_error();
        self.conditional.extend(quote!(#(#cfgs)* #error));
    }

    /// Takes the mistakes that depend on a `cfg`, as code that the compiler leaves out where it does not hold.
    pub(crate) fn take_conditional(&mut self) -> TokenStream {
        std::mem::take(&mut self.conditional)
    }

    /// The value of `result`; an error is added to the mistakes, and the value is `None`.
    pub(crate) fn ok<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Whether a mistake was found.
    pub(crate) fn any(&self) -> bool {
        !self.found.is_empty()
    }

    /// Gives the value, if there is one and no mistake was found.
    ///
    /// # Errors
    ///
    /// All mistakes, combined into one error; the value beside it, if there is one.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, (syn::Error, Option<T>)> {
        self.read = true;
        let combined = std::mem::take(&mut self.found).into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        match (combined, value) {
            (None, Some(value)) => Ok(value),
            (Some(error), value) => Err((error, value)),
            // A stage gave no value and reported no mistake. That is a bug here; an error is better than a panic or no output.
            (None, None) => {
                let message = "cachefence: this function could not be expanded; please report it";
                Err((syn::Error::new(Span::call_site(), message), None))
            }
        }
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        let is_read = self.read && self.conditional.is_empty();
        assert!(is_read || std::thread::panicking(), "the mistakes were dropped unread");
    }
}

/// Runs `stage` and gives the messages of the mistakes that it reports.
#[cfg(test)]
pub(crate) fn messages_of<T>(stage: impl FnOnce(&mut Errors) -> T) -> Vec<String> {
    let mut errors = Errors::new();
    stage(&mut errors);
    errors.take_conditional();
    match errors.finish(Some(())) {
        Ok(()) => Vec::new(),
        Err((error, _)) => error.into_iter().map(|error| error.to_string()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_mistake_in_order() {
        let messages = messages_of(|errors| {
            errors.at(Span::call_site(), "first");
            errors.at(Span::call_site(), "second");
        });
        assert_eq!(messages, ["first", "second"]);
    }

    #[test]
    fn a_mistake_wins_over_the_value() {
        let mut errors = Errors::new();
        errors.at(Span::call_site(), "wrong");
        assert!(errors.finish(Some(1)).is_err());
    }

    #[test]
    #[should_panic(expected = "dropped unread")]
    fn forgetting_the_mistakes_panics() {
        drop(Errors::new());
    }
}
