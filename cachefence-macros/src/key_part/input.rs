//! The type that `KeyPart` is derived for.

use proc_macro2::{Ident, Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Generics, Member, Path, Result, Type, parse_quote,
};

use crate::args::skip_to_comma;
use crate::call;
use crate::errors::Errors;

/// The type below the derive.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    /// The path of the runtime crate.
    pub(crate) krate: Path,
    /// Whether something of the type is deprecated, which its `impl` may name.
    pub(crate) is_deprecated: bool,
    /// The variants of an enum; of a struct one, which has no name.
    pub(crate) variants: Vec<Variant>,
}

/// A variant of an enum, or a struct.
pub(crate) struct Variant {
    pub(crate) name: Option<Ident>,
    pub(crate) fields: Vec<Field>,
}

/// A field.
pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// The variable that a pattern binds the field to, located at the field's type: there the compiler reports a type that has
    /// no `KeyPart`.
    pub(crate) binding: Ident,
    /// Whether the type is a `PhantomData`, whose values are all equal and so need not be written.
    pub(crate) phantom: bool,
}

impl Input {
    /// Reads the type; what is wrong with it goes to `errors`.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let DeriveInput { attrs, ident, generics, data, .. } = errors.ok(syn::parse2(tokens))?;
        let krate = krate(&attrs, errors);
        let mut is_deprecated = deprecates(&attrs);
        let variants = match data {
            Data::Struct(data) => {
                is_deprecated |= data.fields.iter().any(|field| deprecates(&field.attrs));
                vec![Variant::new(None, data.fields, errors)]
            }
            Data::Enum(data) => {
                let mut variants = Vec::new();
                for variant in data.variants {
                    misplaced(&variant.attrs, errors);
                    is_deprecated |= deprecates(&variant.attrs)
                        || variant.fields.iter().any(|field| deprecates(&field.attrs));
                    variants.push(Variant::new(Some(variant.ident), variant.fields, errors));
                }
                variants
            }
            Data::Union(data) => {
                let message = "`KeyPart` cannot be derived for a union: nothing says which of its fields holds a value";
                errors.at(data.union_token.span, message);
                Vec::new()
            }
        };
        Some(Self { name: ident, generics, krate, is_deprecated, variants })
    }
}

impl Variant {
    fn new(name: Option<Ident>, fields: Fields, errors: &mut Errors) -> Self {
        let members: Vec<Member> = fields.members().collect();
        let fields = fields.into_iter().zip(members).enumerate().map(|(index, (field, member))| {
            misplaced(&field.attrs, errors);
            let mut binding = call::local(&index.to_string());
            binding.set_span(Span::mixed_site().located_at(field.ty.span()));
            Field { member, phantom: is_phantom(&field.ty), binding, ty: field.ty }
        });
        Self { name, fields: fields.collect() }
    }

    /// The fields that are written.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.phantom)
    }
}

fn deprecates(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("deprecated"))
}

/// Reads `#[key_part(crate = path)]`.
fn krate(attributes: &[Attribute], errors: &mut Errors) -> Path {
    let mut krate = None;
    for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
        let read = attribute.parse_nested_meta(|meta| {
            if errors.ok(option(&meta, &mut krate)).is_none() {
                skip_to_comma(meta.input);
            }
            Ok(())
        });
        errors.ok(read);
    }
    krate.unwrap_or_else(|| parse_quote!(::cachefence))
}

/// Reads one option.
fn option(meta: &ParseNestedMeta<'_>, krate: &mut Option<Path>) -> Result<()> {
    if !meta.path.is_ident("crate") {
        let message =
            "unknown option; the only one is `crate`, as in `#[key_part(crate = my::cachefence)]`";
        return Err(Error::new(meta.path.span(), message));
    }
    if krate.is_some() {
        return Err(Error::new(meta.path.span(), "`crate` is given twice; write it once"));
    }
    let path = meta.value().and_then(|value| value.call(Path::parse_mod_style));
    *krate = Some(path.map_err(|error| {
        let message = "write the runtime crate's path, as in `crate = my::cachefence`";
        Error::new(error.span(), message)
    })?);
    Ok(())
}

/// Reports our attributes on a field or a variant, where they mean nothing.
fn misplaced(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
        let message = "`key_part` has options of the whole type alone: every field is written, since two values that differ \
                       in one must not share a key";
        errors.at(attribute.path().span(), message);
    }
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("key_part")
}

/// Whether the type is written as a `PhantomData`; the expansion has the compiler check that it is one.
fn is_phantom(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_phantom(&group.elem),
        Type::Paren(paren) => is_phantom(&paren.elem),
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "PhantomData")
        }
        _ => false,
    }
}
