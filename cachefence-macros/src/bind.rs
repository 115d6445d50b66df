//! Holds the options and the template against the signature: every name is resolved here, or reported.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::{Expr, LitStr, Path};

use crate::args::{Args, Entry};
use crate::caret;
use crate::errors::Errors;
use crate::generics;
use crate::item::Item;
use crate::place::Place;
use crate::suggest;
use crate::template::{Mistake, Placeholder, Segment, Template};
use crate::value::Setting;

mod start;

/// What the expansion needs, with every name resolved.
pub(crate) struct Model {
    pub(crate) item: Item,
    pub(crate) key: Key,
    /// In the order written.
    pub(crate) settings: Vec<Setting>,
    /// Names of arguments, or `_`.
    pub(crate) skip: Vec<Ident>,
    /// Whether `skip` holds what the user wrote: `false` if `skip(..)` is malformed, which has been reported then.
    pub(crate) skip_is_known: bool,
    pub(crate) cache: Option<Expr>,
    /// The path of the runtime crate.
    pub(crate) krate: Path,
    /// The companion, as the option `entry` asks for it.
    pub(crate) entry: Entry,
    /// Whether loads run in tasks of their own.
    pub(crate) detached: bool,
    /// `clone_error`, with the option's name.
    pub(crate) clone_error: Option<(Ident, Expr)>,
    /// The attribute's tokens, for the corrected attributes that messages show.
    pub(crate) source: TokenStream,
}

/// The key template over the function's arguments.
pub(crate) struct Key {
    /// The literal, for its span.
    pub(crate) literal: LitStr,
    pub(crate) template: Template,
    /// One for each segment of the template, in its order; the version, if there is one, is in the last text.
    pub(crate) parts: Vec<Part>,
    /// The suffix that `version` adds to the template's text.
    pub(crate) version: String,
}

impl Key {
    /// Whether a placeholder starts from the argument or parameter `name`; `r#` makes no difference.
    pub(crate) fn names(&self, name: &Ident) -> bool {
        self.starts().any(|start| start.unraw() == name.unraw())
    }

    /// The arguments and parameters that the placeholders start from.
    pub(crate) fn starts(&self) -> impl Iterator<Item = &Ident> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(place) => Some(&place.argument),
        })
    }

    /// Ends the key in `~v` and the version. No part holds a `~` before anything but `~`, `,` and its own end, so a version is no
    /// part's end. It is the last text, so that it costs a call nothing where the template ends in text.
    fn append_version(&mut self, version: u64) {
        self.version = format!("~v{version}");
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push_str(&self.version),
            _ => self.parts.push(Part::Text(self.version.clone())),
        }
    }
}

/// A segment of the key.
pub(crate) enum Part {
    Text(String),
    Value(Place),
}

/// Resolves the names in the options.
///
/// Gives nothing if there is no usable key; the reason has been reported then.
pub(crate) fn bind(args: Args, item: Item, errors: &mut Errors) -> Option<Model> {
    let skip_is_known = args.skip.is_some();
    let skip = args.skip.into_iter().flatten();
    let skip = skip.filter_map(|name| skipped(&name, &item, errors)).collect();
    let mut key = bind_key(args.key?, &item, errors)?;
    if let Some(version) = args.version {
        key.append_version(version);
    }
    Some(Model {
        item,
        key,
        settings: args.settings,
        skip,
        skip_is_known,
        cache: args.cache,
        krate: args.krate.unwrap_or_else(runtime_crate),
        entry: args.entry,
        detached: args.detached.is_some(),
        clone_error: args.clone_error,
        source: args.source,
    })
}

/// The path `::cachefence`.
fn runtime_crate() -> Path {
    let mut path = Path::from(Ident::new("cachefence", Span::call_site()));
    path.leading_colon = Some(syn::token::PathSep::default());
    path
}

/// Finds the argument that a name in `skip(..)` stands for.
///
/// A name that no argument has is reported. The result is then the argument that was probably meant, so that coverage does not
/// report that argument as left out.
fn skipped(name: &Ident, item: &Item, errors: &mut Errors) -> Option<Ident> {
    if name == "Self" {
        if !item.has_receiver() {
            return Some(name.clone());
        }
        let message = "`Self` goes with `self`, and no hash of it is in the key: there is nothing to skip, so take `Self` out of \
                       `skip(..)`";
        errors.at(name.span(), message);
        return None;
    }
    let wild = item.arguments.iter().find_map(|argument| argument.wild.as_ref());
    let parameters = item.signature.generics.params.iter().filter_map(generics::value_parameter);
    let mut known = item.names().chain(wild).chain(parameters);
    if known.any(|known| known.unraw() == name.unraw()) {
        return Some(name.clone());
    }
    let message = format!(
        "no argument named `{name}` to skip; {}{}",
        takes(item, wild),
        did_you_mean(&name.to_string(), item)
    );
    errors.at(name.span(), message);
    closest(&name.to_string(), item)
}

/// Resolves the placeholders of the template.
fn bind_key(literal: LitStr, item: &Item, errors: &mut Errors) -> Option<Key> {
    let source = literal.value();
    let at = literal.span();
    let mut report = |mistake: &Mistake, hint: &str| {
        errors.at(at, caret::point(&mistake.message, &source, &mistake.range) + hint);
    };
    let template = match Template::parse(&source) {
        Ok(template) => template,
        Err(mistakes) => {
            for mistake in mistakes {
                report(&mistake, "");
            }
            return None;
        }
    };
    let mut parts = Vec::new();
    for segment in &template.segments {
        match segment {
            Segment::Text(text) => parts.push(Part::Text(text.clone())),
            Segment::Placeholder(placeholder) => match start::find(placeholder, item, at) {
                Err(Some(message)) => {
                    report(&Mistake { message, range: placeholder.range.clone() }, "");
                }
                Err(None) => report(
                    &unknown(placeholder, &source, item),
                    &did_you_mean(&placeholder.argument, item),
                ),
                Ok(start) => match Place::new(&start, placeholder, at) {
                    Ok(place) => parts.push(Part::Value(place)),
                    Err(mistake) => report(&mistake, ""),
                },
            },
        }
    }
    // No key if a placeholder names no argument: coverage would report the argument that was meant as left out.
    (parts.len() == template.segments.len()).then_some(Key {
        literal,
        template,
        parts,
        version: String::new(),
    })
}

/// The mistake of a placeholder that names no argument.
fn unknown(placeholder: &Placeholder, source: &str, item: &Item) -> Mistake {
    let message = format!(
        "no argument named `{}` fills `{}`; {}",
        placeholder.argument,
        placeholder.written(source),
        takes(item, None)
    );
    let range = placeholder.range.clone();
    Mistake { message, range }
}

/// The part of a message that lists the arguments.
fn takes(item: &Item, wild: Option<&Ident>) -> String {
    let names: Vec<String> = item.names().chain(wild).map(Ident::to_string).collect();
    if names.is_empty() {
        "the function takes no arguments".to_owned()
    } else {
        format!("the function takes {}", suggest::list(names.iter().map(String::as_str)))
    }
}

/// The line that suggests the argument which was probably meant, if there is one.
fn did_you_mean(name: &str, item: &Item) -> String {
    closest(name, item)
        .map(|name| format!("\ndid you mean `{}`?", name.unraw()))
        .unwrap_or_default()
}

/// The argument that was probably meant.
fn closest(name: &str, item: &Item) -> Option<Ident> {
    let names: Vec<String> = item.names().map(|name| name.unraw().to_string()).collect();
    let name = suggest::closest(name, names.iter().map(String::as_str))?;
    item.find_name(name).cloned()
}

/// Binds an attribute and a function, both given as tokens.
#[cfg(test)]
pub(crate) fn model(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<Model> {
    let args = Args::parse(args, errors);
    let item = Item::parse(item, errors)?;
    bind(args, item, errors)
}

#[cfg(test)]
mod tests;
