use std::time::Duration;

use quote::quote;

use super::*;
use crate::errors::messages_of;
use crate::value::MILLISECOND;

fn parse(tokens: TokenStream) -> Args {
    let mut errors = Errors::new();
    let args = Args::parse(tokens, &mut errors);
    errors.finish(Some(args)).map_err(|(error, _)| error.to_string()).unwrap()
}

/// The first lines of the messages.
fn mistakes(tokens: TokenStream) -> Vec<String> {
    messages_of(|errors| Args::parse(tokens, errors))
        .iter()
        .map(|message| message.lines().next().unwrap_or_default().to_owned())
        .collect()
}

/// The mistake in an option beside the required ones.
fn mistake(option: &TokenStream) -> String {
    let mut found = mistakes(quote!(key = "k", ttl = 60, #option));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn ttl(value: &TokenStream) -> Value {
    parse(quote!(key = "k", ttl = #value)).settings.remove(0).value
}

fn ttl_mistake(value: &TokenStream) -> String {
    let mut found = mistakes(quote!(key = "k", ttl = #value));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn every_option_is_read() {
    let args = parse(quote! {
        key = "user:<id>", ttl = 60, beta = 2, lock_timeout = "5s", wait_for_lock = 0, skip(self, db, _),
        cache = self.cache, crate = crate::fence, entry = false,
    });
    assert_eq!(args.key.unwrap().value(), "user:<id>");
    let names: Vec<_> = args.settings.iter().map(|setting| setting.name.to_string()).collect();
    assert_eq!(names, ["ttl", "beta", "lock_timeout", "wait_for_lock"]);
    assert_eq!(
        args.skip.unwrap().iter().map(Ident::to_string).collect::<Vec<_>>(),
        ["self", "db", "_"]
    );
    assert!(args.cache.is_some() && args.krate.is_some() && matches!(args.entry, Entry::No));
}

#[test]
fn the_forms_of_a_version() {
    let version = |value: &TokenStream| parse(quote!(key = "k", ttl = 1, version = #value)).version;
    assert_eq!(version(&quote!(0)), Some(0));
    assert_eq!(version(&quote!(1_000)), Some(1000));
    assert_eq!(parse(quote!(key = "k", ttl = 1)).version, None);
    for wrong in [
        quote!(-1),
        quote!(1.5),
        quote!("2"),
        quote!(VERSION),
        quote!(1 + 1),
        quote!(2u8),
        quote!(18446744073709551616),
        quote!(true),
    ] {
        let found = mistake(&quote!(version = #wrong));
        assert!(found.starts_with("the version is a whole number, not negative"), "{found}");
    }
}

#[test]
fn the_forms_of_a_time() {
    let is = |value, duration| matches!(value, Value::Duration(found) if found == duration);
    assert!(is(ttl(&quote!(60)), Duration::from_secs(60)));
    assert!(is(ttl(&quote!(1_000)), Duration::from_secs(1000)));
    let longest = quote!(9_007_199_254_740);
    assert!(is(ttl(&longest), Duration::from_secs(9_007_199_254_740)));
    assert!(is(ttl(&quote!(0.001)), MILLISECOND));
    assert!(is(ttl(&quote!("1h30m")), Duration::from_secs(5400)));
    assert!(matches!(ttl(&quote!(Duration::from_secs(60))), Value::Expr(_)));
    assert!(matches!(ttl(&quote!(cfg.ttl)), Value::Expr(_)));
}

#[test]
fn a_number_beyond_all_finite_ones() {
    let integer: TokenStream = "9".repeat(310).parse().unwrap();
    assert_eq!(mistake(&quote!(beta = #integer)), "this number is too large");
    assert_eq!(mistake(&quote!(beta = 1e999)), "this number is too large");
}

#[test]
fn windows_that_are_too_long() {
    let too_long = "this time is too long: the longest here is 2^52 ms";
    assert_eq!(mistake(&quote!(stale_if_error = 4_503_599_627_371)), too_long);
    assert_eq!(mistake(&quote!(stale_while_revalidate = 4_503_599_627_371)), too_long);
    let both = |ttl: &TokenStream| mistakes(quote!(key = "k", ttl = #ttl, stale_if_error = "1s"));
    assert_eq!(both(&quote!(9_007_199_254_739)), [""; 0]);
    let together = &both(&quote!(9_007_199_254_740))[0];
    assert!(together.starts_with("together with the ttl, `stale_if_error`"), "{together}");
}

#[test]
fn times_that_cannot_be() {
    assert_eq!(ttl_mistake(&quote!(0)), "this cannot be 0");
    assert_eq!(ttl_mistake(&quote!(0.0)), "this cannot be 0");
    assert_eq!(ttl_mistake(&quote!("0s")), "this cannot be 0");
    assert_eq!(ttl_mistake(&quote!(0.0009)), "this is below the shortest time of 1 ms");
    assert_eq!(ttl_mistake(&quote!(-5)), "a duration cannot be negative");
    assert_eq!(ttl_mistake(&quote!(-0.5)), "a duration cannot be negative");
    assert_eq!(ttl_mistake(&quote!(1e999)), "this number is too large");
    assert_eq!(ttl_mistake(&quote!(18446744073709551616)), "this duration is too long");
    let too_long = "this time is too long: the longest here is 2^53 ms";
    for times in [quote!(9_007_199_254_741), quote!(1e15), quote!("104249992d")] {
        assert_eq!(ttl_mistake(&times), too_long);
    }
    assert!(ttl_mistake(&quote!(60u64)).starts_with("no suffix `u64` here"));
    assert!(ttl_mistake(&quote!("5x")).starts_with("`5x` has a unit that is not known"));
    assert!(ttl_mistake(&quote!(true)).starts_with("write seconds"));
    assert!(ttl_mistake(&quote!('5')).starts_with("write seconds"));
    assert_eq!(mistake(&quote!(lock_timeout = 0)), "this cannot be 0");
}

#[test]
fn the_forms_of_beta() {
    let beta = |value: &TokenStream| {
        parse(quote!(key = "k", ttl = 60, beta = #value)).settings.remove(1).value
    };
    assert!(matches!(beta(&quote!(2)), Value::Number(number) if (number - 2.0).abs() < 1e-9));
    assert!(matches!(beta(&quote!(0.5)), Value::Number(_)));
    assert!(matches!(beta(&quote!(self.beta)), Value::Expr(_)));
    assert_eq!(mistake(&quote!(beta = -1)), "this cannot be negative");
    assert_eq!(mistake(&quote!(beta = -0.5)), "this cannot be negative");
    assert!(mistake(&quote!(beta = "2")).starts_with("write a number"));
    assert!(mistake(&quote!(beta = 2f32)).starts_with("write a number"));
}

#[test]
fn required_options() {
    assert_eq!(
        mistakes(quote!()),
        ["missing `key`, as in `key = \"user:<id>\"`", "missing `ttl`, as in `ttl = 60`"]
    );
    // A malformed option is not reported as missing too.
    assert_eq!(mistakes(quote!(key = "k", ttl = 0)), ["this cannot be 0"]);
}

#[test]
fn unknown_options() {
    assert_eq!(mistake(&quote!(bata = 1)), "unknown option `bata`; did you mean `beta`?");
    assert_eq!(mistake(&quote!(colour(a, b))), "unknown option `colour`");
}

#[test]
fn duplicates_of_every_option() {
    for option in [
        quote!(key = "k"),
        quote!(ttl = 1),
        quote!(beta = 1),
        quote!(lock_timeout = 1),
        quote!(wait_for_lock = 1),
        quote!(jitter = 0.1),
        quote!(stale_if_error = 1),
        quote!(stale_while_revalidate = 1),
        quote!(recompute_timeout = 1),
        quote!(negative_ttl = 1),
        quote!(detached),
        quote!(clone_error = c),
        quote!(skip(a)),
        quote!(cache = c),
        quote!(crate = c),
        quote!(entry = true),
    ] {
        let found = mistakes(quote!(#option, #option));
        assert!(
            found.iter().any(|message| message.contains("is given twice")),
            "{option}: {found:?}"
        );
    }
    assert_eq!(mistake(&quote!(skip(a, a))), "`a` is skipped twice");
}

#[test]
fn a_missing_comma_is_one_mistake() {
    assert_eq!(mistakes(quote!(key = "k" ttl = 60)), ["expected `,` between two options"]);
    assert_eq!(
        mistakes(quote!(key = "k", ttl = 60 beta = 2)),
        ["expected `,` between two options"]
    );
}

#[test]
fn malformed_options() {
    assert!(mistake(&quote!(skip = db)).starts_with("name the arguments in parentheses"));
    assert!(mistake(&quote!(skip(a.b))).starts_with("`skip` takes names"));
    assert_eq!(
        mistake(&quote!(entry = 1)),
        "write `false`, `true`, or the type that the companion's entry holds, as in `entry = User`"
    );
    assert!(mistake(&quote!(crate = "fence")).starts_with("write the runtime crate's path"));
    assert!(mistakes(quote!(key = KEY, ttl = 1))[0].starts_with("the key is a string literal"));
    assert_eq!(mistake(&quote!(cache = f(a b))).lines().count(), 1);
}

#[test]
fn every_mistake_is_reported_at_once() {
    let found = mistakes(quote!(key = 1, ttl = 0, bta = 1, skip = x, entry = 2));
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn the_documentation_has_each_option_in_its_table_and_in_a_section() {
    let documented = |beginning: &str| {
        let lines = include_str!("../lib.rs").lines();
        let names = lines.filter_map(|line| line.strip_prefix(beginning)).map(|rest| {
            rest.split(|next: char| next != '_' && !next.is_alphanumeric()).next().unwrap()
        });
        names.collect::<Vec<_>>()
    };
    let (rows, sections) = (documented("/// | [`"), documented("/// ## `"));
    assert_eq!(rows, sections, "table and sections have one order");
    let [mut documented, mut options] = [rows, OPTIONS.iter().map(|(name, _)| *name).collect()];
    documented.sort_unstable();
    options.sort_unstable();
    assert_eq!(documented, options);
}
