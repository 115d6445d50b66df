//! The type that encloses an annotated function, as the compiler names it.
//!
//! A function without `self` in an `impl` of a generic type, or of a trait, is another function for each type, and its arguments do
//! not tell which. An attribute does not see the `impl`, but the compiler's name of a closure inside the function begins with it:
//!
//! | where the function stands | the closure's name | what tells its types apart |
//! |---|---|---|
//! | in a module, or in a function | `app::title::{{closure}}` | |
//! | in an `impl` of a type | `app::Users::title::{{closure}}` | |
//! | in an `impl` of a generic type | `app::Repo<app::Users>::title::{{closure}}` | `app::Repo<app::Users>` |
//! | the same in another module than the type | `app::sql::<impl app::Repo<app::Users>>::title::{{closure}}` | `app::Repo<app::Users>` |
//! | in a trait, or in an `impl` of one | `<app::Users as app::Load>::title::{{closure}}` | `<app::Users as app::Load>` |
//!
//! The function's own parameters stand behind its own name (`title<u8>`), and those of a function around it are written `_`. A
//! lifetime (`app::View<'_>`) tells nothing apart.
//!
//! A compiler may choose other names. Then the keys of such functions change, which costs a miss for each. Types of one name are
//! not told apart: two that two blocks of one function declare, two closures of one function, and two of the same path in two versions
//! of one crate.

/// What tells the types around a function apart, out of the name of a closure in it; `None` if there is no type or only one.
pub(super) fn enclosing(closure: &str) -> Option<&str> {
    let mut function = closure;
    while function.ends_with('}')
        && let Some((path, last)) = split_last(function)
        && last.starts_with('{')
    {
        function = path;
    }
    let (function, _) = split_arguments(function);
    let (path, _) = split_last(function)?;
    let (item, arguments) = split_arguments(path);
    if arguments.is_empty() {
        return None;
    }
    if !item.is_empty() && !item.ends_with(':') {
        return has_types(arguments).then_some(path);
    }
    let inner = arguments.get(1..arguments.len() - 1)?;
    let (inner, before_other) = match inner.strip_prefix("impl ") {
        Some(inner) => (inner, " for "),
        None => (inner, " as "),
    };
    if inner.contains(before_other) {
        return Some(path);
    }
    has_types(inner).then_some(inner)
}

/// `app::Repo::title` -> `app::Repo`, `title`; what follows the last `::` must have no arguments.
fn split_last(path: &str) -> Option<(&str, &str)> {
    let colon = path.bytes().rposition(|byte| byte == b':')?;
    Some((path.get(..colon.checked_sub(1)?)?, path.get(colon + 1..)?))
}

/// `app::Repo<app::Users>` -> `app::Repo`, `<app::Users>`; nothing for the second where there are no arguments.
fn split_arguments(path: &str) -> (&str, &str) {
    let bytes = path.as_bytes();
    if bytes.last() != Some(&b'>') {
        return (path, "");
    }
    let mut depth = 0_usize;
    for (at, &byte) in bytes.iter().enumerate().rev() {
        if !matches!(byte, b'<' | b'>') {
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        // `->`, and the constants `'<'` and `'>'`, are no brackets.
        let is_char = before == Some(&b'\'') && bytes.get(at + 1) == Some(&b'\'');
        if byte == b'>' && before == Some(&b'-') || is_char {
            continue;
        }
        if byte == b'>' {
            depth += 1;
        } else {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return path.split_at_checked(at).unwrap_or((path, ""));
            }
        }
    }
    (path, "")
}

/// Whether there are arguments that are more than lifetimes.
fn has_types(text: &str) -> bool {
    text.split('<').skip(1).any(|list| {
        let arguments = list.split('>').next().unwrap_or_default();
        arguments.split(", ").any(|argument| !matches!(argument, "'_" | "_"))
    })
}

#[cfg(test)]
#[allow(clippy::extra_unused_type_parameters)] // they are what the names are made of
mod tests {
    use std::any::type_name_of_val;
    use std::marker::PhantomData;

    use super::*;

    /// What is made of the name of a closure here.
    macro_rules! here {
        () => {
            enclosing(type_name_of_val(&|| {}))
        };
    }

    mod types {
        use super::*;

        pub(super) struct Users;
        pub(super) struct Repo<T>(T);
        pub(super) struct View<'a>(PhantomData<&'a str>);
        pub(super) struct Many<const C: char, const N: i8>;

        pub(super) trait Load<X> {
            fn provided() -> Option<&'static str> {
                here!()
            }
            fn required() -> Option<&'static str>;
        }

        impl Users {
            pub(super) fn here() -> Option<&'static str> {
                here!()
            }
            pub(super) fn generic<T>() -> Option<&'static str> {
                here!()
            }
        }

        impl<T> Repo<T> {
            pub(super) fn here<U>() -> Option<&'static str> {
                here!()
            }
            pub(super) fn of(_: T) -> Option<&'static str> {
                let deeper = || || here!();
                deeper()()
            }
            pub(super) fn around() -> [Option<&'static str>; 3] {
                struct Inner;
                struct Own<U>(U);
                impl Inner {
                    fn here() -> Option<&'static str> {
                        here!()
                    }
                }
                impl<U> Own<U> {
                    fn here() -> Option<&'static str> {
                        here!()
                    }
                }
                fn inner() -> Option<&'static str> {
                    here!()
                }
                [inner(), Inner::here(), Own::<u8>::here()]
            }
        }

        impl<'a> View<'a> {
            pub(super) fn here<'b: 'b>(_: &'a &'b str) -> Option<&'static str> {
                here!()
            }
        }

        impl<const C: char, const N: i8> Many<C, N> {
            pub(super) fn here() -> Option<&'static str> {
                here!()
            }
        }

        impl Load<u8> for Users {
            fn required() -> Option<&'static str> {
                here!()
            }
        }

        impl Load<u8> for View<'_> {
            fn required() -> Option<&'static str> {
                here!()
            }
        }
    }

    mod elsewhere {
        use super::types::{Load, Repo, Users, View};
        use super::*;

        impl Users {
            pub(super) fn elsewhere() -> Option<&'static str> {
                here!()
            }
        }

        impl<T> Repo<T> {
            pub(super) fn elsewhere() -> Option<&'static str> {
                here!()
            }
        }

        impl View<'_> {
            pub(super) fn elsewhere() -> Option<&'static str> {
                here!()
            }
        }

        impl<T> Load<T> for Repo<T> {
            fn required() -> Option<&'static str> {
                here!()
            }
        }

        impl dyn Load2 {
            pub(super) fn here() -> Option<&'static str> {
                here!()
            }
        }

        pub(super) trait Load2 {}
    }

    use types::{Load, Many, Repo, Users, View};

    fn free<T>() -> Option<&'static str> {
        here!()
    }

    #[test]
    fn one_type_or_none_tells_nothing_apart() {
        fn inner() -> Option<&'static str> {
            here!()
        }
        let text = String::new();
        let nothing = [
            here!(),
            inner(),
            free::<Vec<fn(u8) -> Option<u8>>>(),
            Users::here(),
            Users::generic::<Repo<Users>>(),
            Users::elsewhere(),
            View::here(&&*text),
            View::elsewhere(),
            <dyn elsewhere::Load2>::here(),
        ];
        assert_eq!(nothing, [None; 9]);
        let [inner, of_a_type, of_a_generic_type] = Repo::<u8>::around();
        assert_eq!([inner, of_a_type], [None; 2], "the function around has no say");
        assert!(of_a_generic_type.is_some_and(|name| name.ends_with("Own<u8>")));
    }

    #[test]
    fn a_generic_type_is_named_with_its_arguments() {
        for (name, expected) in [
            (
                Repo::<Users>::here::<Repo<u8>>(),
                "Repo<cachefence::key::enclosing::tests::types::Users>",
            ),
            (Repo::<u8>::elsewhere(), "Repo<u8>"),
            (Repo::of((1_u8, [0_u16; 3])), "Repo<(u8, [u16; 3])>"),
            (Repo::<fn(u8) -> u8>::here::<u8>(), "Repo<fn(u8) -> u8>"),
            (Repo::<Box<dyn Fn(u8) -> u8>>::here::<u8>(), "Fn(u8) -> u8>>"),
            (Repo::<View<'_>>::elsewhere(), "View<'_>>"),
            (Many::<'<', -1>::here(), "Many<'<', -1>"),
            (Many::<'>', 1>::here(), "Many<'>', 1>"),
            (Many::<'\'', 1>::here(), r"Many<'\'', 1>"),
        ] {
            let name = name.unwrap();
            assert!(name.starts_with("cachefence::key::enclosing::tests::types::"), "{name}");
            assert!(name.ends_with(expected), "{name}");
        }
        let closure = Repo::of(|| ()).unwrap();
        assert!(closure.ends_with("::{{closure}}>"), "{closure}");
    }

    #[test]
    fn a_trait_is_named_with_the_type_that_has_it() {
        let provided = <Users as Load<u8>>::provided().unwrap();
        assert!(
            provided
                .ends_with("types::Users as cachefence::key::enclosing::tests::types::Load<u8>>")
        );
        assert_eq!(<Users as Load<u8>>::required(), Some(provided));
        for name in [
            <View<'_> as Load<u8>>::required(),
            <Repo<u8> as Load<u8>>::required(),
            <Repo<u8> as Load<u8>>::provided(),
        ] {
            assert!(name.is_some_and(|name| name.contains("Load<u8>")), "{name:?}");
        }
    }

    #[test]
    fn names_of_other_forms_are_no_trouble() {
        for name in [
            "",
            ":",
            "::",
            "a",
            "a::b",
            "<",
            ">",
            "a>::b",
            "<>::b",
            "<impl >::b",
            "é>::é",
            "::<a::b::{",
        ] {
            let _ = enclosing(name);
        }
        assert_eq!(
            enclosing("app::Repo<app::Users>::title::{closure#0}"),
            Some("app::Repo<app::Users>")
        );
    }
}
