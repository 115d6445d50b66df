use quote::quote;

use super::*;

/// The expansion of `item`, with its spaces as `quote!` puts them.
fn derived(item: TokenStream) -> String {
    derive(item).to_string()
}

fn assert_contains(expanded: &str, tokens: &TokenStream) {
    assert!(expanded.contains(&tokens.to_string()), "{tokens}\nis not in\n{expanded}");
}

#[test]
fn the_expansion_of_an_enum() {
    let expanded = derived(quote! {
        enum Search<T> {
            All,
            r#By(T),
            Page { of: T, r#type: u32 },
        }
    });
    let expected = quote! {
        #[automatically_derived]
        impl<T> ::cachefence::KeyPart for Search<T>
        where
            T: ::cachefence::KeyPart
        {
            fn write_part(&self, __cachefence_part: &mut ::cachefence::PartWriter<'_>) {
                match self {
                    Self::All {} => ::cachefence::PartWriter::text(__cachefence_part, "All"),
                    Self::r#By { 0: __cachefence_0 } =>
                        ::cachefence::__private::write_fields(__cachefence_part, "By", &[__cachefence_0]),
                    Self::Page { of: __cachefence_0, r#type: __cachefence_1 } => ::cachefence::__private::write_fields(
                        __cachefence_part, "Page", &[__cachefence_0, __cachefence_1]
                    ),
                }
            }
        }
    };
    assert_eq!(expanded, expected.to_string());
}

#[test]
fn a_struct_of_one_field_is_written_as_that_field() {
    for item in [
        quote!(
            struct Id(u64);
        ),
        quote!(
            struct Id<T>(u64, PhantomData<T>);
        ),
    ] {
        let write =
            quote!(=> ::cachefence::KeyPart::write_part(__cachefence_0, __cachefence_part),);
        assert_contains(&derived(item), &write);
    }
}

#[test]
fn an_enum_without_variants_has_nothing_to_write() {
    let expanded = derived(quote!(
        enum Never {}
    ));
    assert_contains(&expanded, &quote!({ match *self {} }));
}

#[test]
fn a_parameter_is_bound_where_a_field_names_it() {
    let expanded = derived(quote! {
        struct Page<'a, T: ?Sized, U: Table, V, W, const N: usize>
        where
            W: Copy,
        {
            items: &'a [Box<T>; N],
            id: Option<U::Id>,
            other: <W as Table>::Id,
            kind: std::marker::PhantomData<V>,
        }
    });
    let header = quote! {
        impl<'a, T: ?Sized, U: Table, V, W, const N: usize> ::cachefence::KeyPart for Page<'a, T, U, V, W, N>
        where
            W: Copy,
            T: ::cachefence::KeyPart,
            Option<U::Id>: ::cachefence::KeyPart,
            <W as Table>::Id: ::cachefence::KeyPart
    };
    assert_contains(&expanded, &header);
}

#[test]
fn the_crate_may_have_another_path() {
    let expanded = derived(quote! {
        #[key_part(crate = my::cachefence)]
        struct Page(u32, u32);
    });
    assert_contains(&expanded, &quote!(impl my::cachefence::KeyPart for Page));
    assert_contains(&expanded, &quote!(&mut my::cachefence::PartWriter<'_>));
    assert_contains(&expanded, &quote!(my::cachefence::__private::write_fields));
}

#[test]
fn every_mistake_is_reported_and_the_impl_stays() {
    let expanded = derived(quote! {
        #[key_part(crate = "cachefence", by = Display)]
        #[key_part]
        enum Search {
            #[key_part(rename = "all")]
            All,
            By(#[key_part(skip)] u64),
        }
    });
    assert_eq!(expanded.matches("compile_error").count(), 5, "{expanded}");
    assert_contains(&expanded, &quote!(impl ::cachefence::KeyPart for Search));
}
