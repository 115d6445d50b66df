//! The type of what the companion's entry holds: of a `Result` what `Ok` holds, else what the function returns.
//!
//! A signature needs the type, and the macro sees only how it is written.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, GenericArgument, Path, PathArguments, Type};

use crate::args::Entry;
use crate::bind::Model;
use crate::{code, generics, lifetimes, names};

/// The type of the value that the companion's entry holds, and how sure it is.
pub(crate) enum Value {
    /// As the name says: std's types, and `Result<..>`.
    Named(TokenStream),
    /// A type that an expression may name: the compiler decides whether it is a `Result`. This is the type that the function
    /// returns.
    Decided(TokenStream),
    /// Guessed by its name, or named by the user: the compiler checks it in the function, where it knows the type.
    Checked(TokenStream),
}

impl Value {
    /// Judges the return type.
    ///
    /// ```text
    /// Result<User, Error>                      User             by the name
    /// io::Result<User>                         User             checked
    /// (none), Option<User>, Vec<u8>            themselves       by the name
    /// User, Api<User>, SearchResult<User>      by the compiler
    /// T, Api<T>, Page<'_>                      themselves       checked
    /// ApiResult<T>                             T                checked
    /// ```
    pub(crate) fn of(model: &Model) -> Self {
        if let Entry::Of(ty) = &model.entry {
            return Self::Checked(ty.to_token_stream());
        }
        let Some(ty) = model.item.return_type() else {
            return Self::Named(quote!(()));
        };
        let parameters = model.item.signature.generics.params.iter();
        let parameters = parameters.filter_map(generics::value_parameter).map(ToString::to_string);
        Self::by_name(ty, &parameters.collect())
    }

    fn by_name(ty: &Type, parameters: &HashSet<String>) -> Self {
        let path = match ty {
            Type::Group(group) => return Self::by_name(&group.elem, parameters),
            Type::Paren(paren) => return Self::by_name(&paren.elem, parameters),
            Type::Path(path) => &path.path,
            Type::Macro(_) => return Self::Decided(ty.to_token_stream()),
            _ => return Self::Named(ty.to_token_stream()),
        };
        let Some(last) = path.segments.last() else {
            return Self::Named(ty.to_token_stream());
        };
        let name = last.ident.to_string();
        let first = types(path).next();
        if let Some(value) = first
            && name == "Result"
        {
            // With one argument it is some alias, and may be another type than std's.
            return match types(path).count() {
                1 => Self::Checked(value.to_token_stream()),
                _ => Self::Named(value.to_token_stream()),
            };
        }
        if NO_RESULTS.contains(&name.as_str()) {
            return Self::Named(ty.to_token_stream());
        }
        if !may_hold_parameters(ty.to_token_stream(), parameters) {
            return Self::Decided(ty.to_token_stream());
        }
        let guess = first.filter(|_| name.ends_with("Result")).unwrap_or(ty);
        Self::Checked(guess.to_token_stream())
    }

    /// The type of the entry. `inputs` are the companion's.
    pub(crate) fn entry(&self, model: &Model, inputs: &[&FnArg]) -> TokenStream {
        let krate = &model.krate;
        // Within the type of a function, an elided lifetime is that of the `&'static ()`, whether it is written or hidden.
        match self {
            Self::Decided(ty) => quote! {
                #krate::__private::held::EntryOf<
                    fn(&'static ()) -> #ty,
                    { use #krate::__private::held::NoResult as _; #krate::__private::held::Is::<#ty>::RESULT },
                >
            },
            Self::Named(value) | Self::Checked(value) if lacks_a_lifetime(value, model, inputs) => {
                quote!(#krate::__private::held::EntryOf<fn(&'static ()) -> #value, false>)
            }
            Self::Named(value) | Self::Checked(value) => quote!(#krate::Entry<#value>),
        }
    }

    /// The type of the value that the entry holds, where the entry's own type does not show it.
    pub(crate) fn hidden(&self, model: &Model, inputs: &[&FnArg]) -> Option<String> {
        match self {
            Self::Named(value) | Self::Checked(value) if lacks_a_lifetime(value, model, inputs) => {
                Some(code::text(value))
            }
            _ => None,
        }
    }
}

/// The types among the arguments of a path: of `Api<'a, User>`, `User`.
fn types(path: &Path) -> impl Iterator<Item = &Type> {
    let arguments = match path.segments.last().map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether a type may mention a generic parameter or a lifetime, of the function or of what encloses it. A constant in a signature
/// cannot.
///
/// The macro cannot see the parameters of an enclosing `impl`: it takes `Self`, names such as `E` and `T2`, and paths such as
/// `Db::Row` for some of them.
fn may_hold_parameters(ty: TokenStream, parameters: &HashSet<String>) -> bool {
    let is_parameter = |name: &String| {
        let borrows = name.starts_with('\'') && name != "'static";
        borrows
            || name == "Self"
            || names::looks_like_a_parameter(name)
            || parameters.contains(name)
    };
    names::starts_at_a_type(ty.clone()) || names::all_names(ty).iter().any(is_parameter)
}

/// Whether the type may have a lifetime that is elided in the function, and that the companion's arguments do not give, because
/// those that do are left out.
fn lacks_a_lifetime(value: &TokenStream, model: &Model, inputs: &[&FnArg]) -> bool {
    let all: Vec<&FnArg> = model.item.signature.inputs.iter().collect();
    let has_one = lifetimes::borrows_self(inputs) || lifetimes::count(inputs) == 1;
    inputs.len() < all.len()
        && lifetimes::can_be_elided(&model.item.signature)
        && !has_one
        && (names::may_hide_a_lifetime(value.clone())
            || names::all_names(value.clone()).contains("'_"))
}

/// Types of std that are no `Result`, whatever their arguments.
const NO_RESULTS: [&str; 40] = [
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "BinaryHeap",
    "Box",
    "CString",
    "Cow",
    "Duration",
    "HashMap",
    "HashSet",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "LinkedList",
    "Mutex",
    "Option",
    "OsString",
    "PathBuf",
    "Rc",
    "RwLock",
    "SocketAddr",
    "String",
    "SystemTime",
    "Vec",
    "VecDeque",
    "bool",
    "char",
    "f32",
    "f64",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
];

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn judged(ty: &Type) -> String {
        let parameters = HashSet::from(["Row".to_owned()]);
        let (kind, tokens) = match Value::by_name(ty, &parameters) {
            Value::Named(tokens) => ("named", tokens),
            Value::Decided(tokens) => ("decided", tokens),
            Value::Checked(tokens) => ("checked", tokens),
        };
        format!("{kind} {}", tokens.to_string().replace(' ', ""))
    }

    #[test]
    fn a_name_decides_where_it_can() {
        assert_eq!(judged(&parse_quote!(Result<User, Error>)), "named User");
        assert_eq!(judged(&parse_quote!((Result<Vec<T>, E>))), "named Vec<T>");
        assert_eq!(judged(&parse_quote!(Option<Result<User, E>>)), "named Option<Result<User,E>>");
        assert_eq!(judged(&parse_quote!((u8, T))), "named (u8,T)");
        assert_eq!(judged(&parse_quote!([T; 2])), "named [T;2]");
    }

    #[test]
    fn the_compiler_decides_where_a_constant_can_name_the_type() {
        for ty in ["User", "Api<User>", "ApiResult<User>", "SearchResult<User>", "fmt::Result"] {
            assert_eq!(judged(&syn::parse_str(ty).unwrap()), format!("decided {ty}"));
        }
    }

    #[test]
    fn the_rest_is_guessed_and_checked() {
        assert_eq!(judged(&parse_quote!(io::Result<User>)), "checked User");
        assert_eq!(judged(&parse_quote!(T)), "checked T");
        assert_eq!(judged(&parse_quote!(Page<Row>)), "checked Page<Row>");
        assert_eq!(judged(&parse_quote!(ApiResult<'a, Row>)), "checked Row");
        assert_eq!(judged(&parse_quote!(Page<'_>)), "checked Page<'_>");
        assert_eq!(judged(&parse_quote!(Self)), "checked Self");
        assert_eq!(judged(&parse_quote!(Db::Row)), "checked Db::Row");
    }
}
