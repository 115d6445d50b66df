//! The attribute's tokens, read into options.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Lit, LitStr, Path, Result, Token, Type};

use crate::errors::Errors;
use crate::suggest;
use crate::value::{self, LONGEST, Setting, TIME, Value, WAIT, WINDOW};

/// The options as written: each is well formed by itself, none has been held against the function yet.
pub(crate) struct Args {
    /// The tokens, for the corrected attributes that messages show.
    pub(crate) source: TokenStream,
    /// `key = ".."`; `None` if it is missing or malformed, which has been reported then.
    pub(crate) key: Option<LitStr>,
    /// What becomes a setting of the call, in the order written.
    pub(crate) settings: Vec<Setting>,
    /// The names in `skip(..)`, `self` and `_` included; `None` if it is malformed, which has been reported then.
    pub(crate) skip: Option<Vec<Ident>>,
    /// `version = n`
    pub(crate) version: Option<u64>,
    /// `cache = expr`
    pub(crate) cache: Option<Expr>,
    /// `crate = path`
    pub(crate) krate: Option<Path>,
    /// `entry = ..`
    pub(crate) entry: Entry,
    /// `detached`: at the option's name.
    pub(crate) detached: Option<Ident>,
    /// `clone_error = |error| ..`, with the option's name.
    pub(crate) clone_error: Option<(Ident, Expr)>,
}

/// The companion, as the option `entry` asks for it.
pub(crate) enum Entry {
    /// Nothing: there is one where one can stand.
    Unsaid,
    /// `entry = false`: there is none.
    No,
    /// `entry = true`: there is one.
    Yes,
    /// `entry = User`: there is one, and its entry holds this type.
    Of(Box<Type>),
}

/// Reads what follows the option's name.
type Read = fn(&mut Args, Ident, ParseStream<'_>) -> Result<()>;

/// The options: the only place that lists them.
const OPTIONS: &[(&str, Read)] = &[
    ("key", |args, _, input| {
        args.key = Some(value::string(input)?);
        Ok(())
    }),
    ("ttl", |args, name, input| args.set(name, value::time(input, &TIME))),
    ("ttl_of", |args, name, input| args.set(name, value::function(input))),
    ("negative_ttl", |args, name, input| args.set(name, value::time(input, &TIME))),
    ("jitter", |args, name, input| args.set(name, value::share(input))),
    ("beta", |args, name, input| args.set(name, value::number(input))),
    ("lock_timeout", |args, name, input| args.set(name, value::time(input, &TIME))),
    // Zero is allowed: such a call never waits for another caller's load.
    ("wait_for_lock", |args, name, input| args.set(name, value::time(input, &WAIT))),
    ("stale_while_revalidate", |args, name, input| args.set(name, value::time(input, &WINDOW))),
    ("stale_if_error", |args, name, input| args.set(name, value::time(input, &WINDOW))),
    ("recompute_timeout", |args, name, input| args.set(name, value::time(input, &TIME))),
    ("detached", |args, name, input| {
        args.detached = Some(name);
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(());
        }
        Err(input.error("`detached` has no value: write it alone, or leave it out"))
    }),
    ("clone_error", |args, name, input| {
        args.clone_error = Some((name, value::assigned(input)?));
        Ok(())
    }),
    ("skip", |args, _, input| {
        args.skip = None;
        each_once(args.skip.insert(names(input)?))
    }),
    ("version", |args, _, input| {
        args.version = Some(value::version(input)?);
        Ok(())
    }),
    ("cache", |args, _, input| {
        args.cache = Some(value::assigned(input)?);
        Ok(())
    }),
    ("crate", |args, _, input| {
        input.parse::<Token![=]>()?;
        let path = input.call(Path::parse_mod_style);
        args.krate = Some(path.map_err(|error| {
            let message = "write the runtime crate's path, as in `crate = my::cachefence`";
            Error::new(error.span(), message)
        })?);
        Ok(())
    }),
    ("entry", |args, _, input| {
        args.entry = entry(input)?;
        Ok(())
    }),
];

impl Args {
    /// Reads the tokens between the attribute's parentheses.
    ///
    /// Goes on after a mistake: an option that could not be read is reported, and missing from the result.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self {
            source: tokens.clone(),
            key: None,
            settings: Vec::new(),
            skip: Some(Vec::new()),
            version: None,
            cache: None,
            krate: None,
            entry: Entry::Unsaid,
            detached: None,
            clone_error: None,
        };
        let mut seen = Seen::default();
        let parser = |input: ParseStream<'_>| {
            args.options(input, &mut seen, errors);
            Ok(())
        };
        // `options` consumes every token at this level. So an error here means only that an option with a mistake, which has been
        // reported, left tokens in a nested group.
        let leftover = parser.parse2(tokens);
        if !errors.any() {
            errors.ok(leftover);
        }
        seen.check(errors);
        args.check_windows(errors);
        args
    }

    /// A ttl and a stale window that are each within bounds may be too long together.
    fn check_windows(&self, errors: &mut Errors) {
        let literals = || {
            self.settings.iter().filter_map(|setting| match setting.value {
                Value::Duration(time) => Some((&setting.name, time)),
                Value::Number(_) | Value::Expr(_) => None,
            })
        };
        let Some((_, ttl)) = literals().find(|(name, _)| *name == "ttl") else { return };
        for (name, window) in literals().filter(|(name, _)| name.to_string().starts_with("stale_"))
        {
            if ttl + window > LONGEST {
                let message = format!(
                    "together with the ttl, `{name}` can be at most 2^53 ms, some 285,000 years"
                );
                errors.at(name.span(), message);
            }
        }
    }

    /// Reads options, separated by commas, to the end.
    fn options(&mut self, input: ParseStream<'_>, seen: &mut Seen, errors: &mut Errors) {
        while !input.is_empty() {
            let result = self.option(input, seen);
            if errors.ok(result).is_none() {
                skip_to_comma(input);
            }
            if input.is_empty() {
                return;
            }
            if input.parse::<Token![,]>().is_err() {
                errors.at(input.span(), "expected `,` between two options");
                // A name here starts the next option, and the comma is missing. One other token before a name stands in place of the
                // comma. Anything else is skipped.
                let is_name = |input: ParseStream<'_>| input.peek(syn::Ident::peek_any);
                if !is_name(input) && input.parse::<TokenTree>().is_ok() && !is_name(input) {
                    skip_to_comma(input);
                }
            }
        }
    }

    /// Reads one option.
    fn option(&mut self, input: ParseStream<'_>, seen: &mut Seen) -> Result<()> {
        if input.peek(Lit) {
            return Err(nameless(input, seen));
        }
        // `crate` is a keyword.
        let name = input.call(Ident::parse_any).map_err(|error| {
            Error::new(error.span(), "expected the name of an option, as in `ttl = 60`")
        })?;
        let Some((_, read)) = OPTIONS.iter().find(|(known, _)| name == *known) else {
            return Err(unknown(&name));
        };
        let first = seen.once(&name);
        if name != "skip" && name != "detached" {
            expect_value(&name, input)?;
        }
        read(self, name, input)?;
        first
    }

    /// Adds a setting of the call.
    fn set(&mut self, name: Ident, value: Result<Value>) -> Result<()> {
        let value = value?;
        self.settings.push(Setting { name, value });
        Ok(())
    }
}

/// The options that have been named so far.
#[derive(Default)]
struct Seen {
    names: Vec<Ident>,
}

impl Seen {
    /// Notes the option; an error if it was there before.
    fn once(&mut self, name: &Ident) -> Result<()> {
        if self.names.contains(name) {
            return Err(Error::new(
                name.span(),
                format!("`{name}` is given twice; write each option once"),
            ));
        }
        self.names.push(name.clone());
        Ok(())
    }

    /// Reports what is missing, and what excludes another.
    fn check(&self, errors: &mut Errors) {
        if !self.contains("key") {
            errors.at(Span::call_site(), "missing `key`, as in `key = \"user:<id>\"`");
        }
        match (self.contains("ttl"), self.names.iter().find(|seen| *seen == "ttl_of")) {
            (false, None) => errors.at(Span::call_site(), "missing `ttl`, as in `ttl = 60`"),
            (true, Some(ttl_of)) => {
                let message = "`ttl_of` decides how long each value lives: leave out `ttl`";
                errors.at(ttl_of.span(), message);
            }
            _ => {}
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|seen| seen == name)
    }
}

/// Reads `= true`, `= false` or `= Type`.
fn entry(input: ParseStream<'_>) -> Result<Entry> {
    let ahead = input.fork();
    if let Ok(wanted) = value::boolean(&ahead) {
        input.advance_to(&ahead);
        return Ok(if wanted { Entry::Yes } else { Entry::No });
    }
    input.parse::<Token![=]>()?;
    let at = input.span();
    let ty = if input.peek(Lit) { None } else { input.parse().ok() };
    ty.map(|ty| Entry::Of(Box::new(ty))).ok_or_else(|| {
        let message = "write `false`, `true`, or the type that the companion's entry holds, as in `entry = User`";
        Error::new(at, message)
    })
}

/// Reads `(name, name, ..)`.
fn names(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    if !input.peek(syn::token::Paren) {
        return Err(input.error("name the arguments in parentheses, as in `skip(db, ctx)`"));
    }
    let content;
    syn::parenthesized!(content in input);
    // `self` is a keyword, and `_` is accepted as a name here.
    let names = Punctuated::<Ident, Token![,]>::parse_terminated_with(&content, Ident::parse_any)
        .map_err(|error| {
        let message = "`skip` takes names of arguments, separated by `,`, as in `skip(db, ctx)`";
        Error::new(error.span(), message)
    })?;
    Ok(names.into_iter().collect())
}

/// Reports a name that is skipped twice.
fn each_once(names: &[Ident]) -> Result<()> {
    let mut seen = Seen::default();
    for name in names {
        seen.once(name)
            .map_err(|error| Error::new(error.span(), format!("`{name}` is skipped twice")))?;
    }
    Ok(())
}

/// Fails unless `= value` follows.
fn expect_value(name: &Ident, input: ParseStream<'_>) -> Result<()> {
    let message = format!("write `{name} = ..`");
    let ends = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
    let ahead = input.fork();
    if ends(&ahead) || ahead.parse::<Token![=]>().is_ok() && ends(&ahead) {
        Err(Error::new(name.span(), format!("`{name}` has no value: {message}")))
    } else if input.peek(Token![=]) {
        Ok(())
    } else {
        Err(Error::new(input.span(), message))
    }
}

/// The error for a value that has no name.
fn nameless(input: ParseStream<'_>, seen: &mut Seen) -> Error {
    let at = input.span();
    if input.peek(LitStr) && !seen.contains("key") {
        // Counts `key` as given, so that it is not reported as missing too.
        seen.names.push(Ident::new("key", at));
        return Error::new(at, "a value needs the name of its option: write `key = ..`");
    }
    Error::new(at, "a value needs the name of its option, as in `ttl = 60`")
}

/// The error for an option that does not exist.
fn unknown(name: &Ident) -> Error {
    let known = || OPTIONS.iter().map(|(known, _)| *known);
    let hint = suggest::closest(&name.to_string(), known())
        .map(|known| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    let message =
        format!("unknown option `{name}`{hint}\nthe options are {}", suggest::list(known()));
    Error::new(name.span(), message)
}

/// Passes over the rest of an option that could not be read.
pub(crate) fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // This cannot fail, since the input is not empty; the `return` only keeps a failure from looping for ever.
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
