//! What the functions are made of.

/// Where the function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    InAFunction,
    MadeByAMacro,
    Impl,
    GenericImpl,
    BorrowingImpl,
    TraitImpl,
    Provided,
    AsyncTraitImpl,
    AsyncTraitProvided,
    AsyncTraitWithSupertraits,
}

pub(crate) const PLACES: &[Place] = &[
    Place::Free,
    Place::InAFunction,
    Place::MadeByAMacro,
    Place::Impl,
    Place::GenericImpl,
    Place::BorrowingImpl,
    Place::TraitImpl,
    Place::Provided,
    Place::AsyncTraitImpl,
    Place::AsyncTraitProvided,
    Place::AsyncTraitWithSupertraits,
];

impl Place {
    /// Whether it is outside of any `impl` and trait.
    pub(crate) fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::InAFunction | Self::MadeByAMacro)
    }

    pub(crate) fn is_below_async_trait(self) -> bool {
        use Place::{AsyncTraitImpl, AsyncTraitProvided, AsyncTraitWithSupertraits};
        matches!(self, AsyncTraitImpl | AsyncTraitProvided | AsyncTraitWithSupertraits)
    }

    /// Whether a trait provides the function.
    pub(crate) fn is_provided(self) -> bool {
        use Place::{AsyncTraitProvided, AsyncTraitWithSupertraits, Provided};
        matches!(self, Provided | AsyncTraitProvided | AsyncTraitWithSupertraits)
    }

    /// Whether it is in a trait, or in the `impl` of one.
    pub(crate) fn is_of_a_trait(self) -> bool {
        self.is_provided() || matches!(self, Self::TraitImpl | Self::AsyncTraitImpl)
    }
}

/// The receiver: how it is written, and the expression that calls on it.
pub(crate) struct Receiver {
    pub(crate) written: &'static str,
    pub(crate) of: &'static str,
    pub(crate) is_send: bool,
}

pub(crate) const RECEIVERS: &[Receiver] = &[
    Receiver { written: "", of: "", is_send: true },
    Receiver { written: "&self", of: "this", is_send: true },
    Receiver { written: "&mut self", of: "this", is_send: true },
    Receiver { written: "self", of: "make::<THIS>()", is_send: true },
    Receiver { written: "mut self", of: "make::<THIS>()", is_send: true },
    Receiver { written: "self: Arc<Self>", of: "Arc::new(make::<THIS>())", is_send: true },
    Receiver { written: "self: &Arc<Self>", of: "make::<&Arc<THIS>>()", is_send: true },
    Receiver { written: "self: Box<Self>", of: "Box::new(make::<THIS>())", is_send: true },
    Receiver { written: "self: Pin<&Self>", of: "make::<Pin<&THIS>>()", is_send: true },
    Receiver { written: "self: Rc<Self>", of: "Rc::new(make::<THIS>())", is_send: false },
];

/// Arguments: as they are written, the key that names them, what is skipped, what the body uses, and the arguments of a call.
pub(crate) struct Arguments {
    pub(crate) name: &'static str,
    pub(crate) written: &'static str,
    pub(crate) key: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) used: &'static [&'static str],
    pub(crate) call: &'static str,
    pub(crate) is_send: bool,
    /// How many elided lifetimes they have.
    pub(crate) elided: usize,
}

const NONE: Arguments = Arguments {
    name: "no arguments",
    written: "",
    key: "",
    skip: "",
    used: &[],
    call: "",
    is_send: true,
    elided: 0,
};

pub(crate) const ARGUMENTS: &[Arguments] = &[
    NONE,
    Arguments {
        name: "owned",
        written: "id: u64, name: String,",
        key: ":<id>:<name>",
        used: &["id", "name"],
        call: "1, make()",
        ..NONE
    },
    Arguments {
        name: "a borrowed string",
        written: "name: &str,",
        key: ":<name>",
        used: &["name"],
        call: "\"ann\"",
        elided: 1,
        ..NONE
    },
    Arguments {
        name: "borrowed, one skipped",
        written: "db: &Db, tenant: &str, id: u64,",
        key: ":<tenant>:<id>",
        skip: "db,",
        used: &["db", "tenant", "id"],
        call: "make(), \"acme\", 1",
        elided: 2,
        ..NONE
    },
    Arguments {
        name: "mut",
        written: "mut id: u64, mut names: Vec<String>,",
        key: ":<id>:<names>",
        used: &["{ id += 1; id }", "{ names.clear(); names.len() }"],
        call: "1, make()",
        ..NONE
    },
    Arguments {
        name: "a tuple pattern",
        written: "(a, b): (u64, String),",
        key: ":<b>",
        skip: "a,",
        used: &["a", "b"],
        call: "make()",
        ..NONE
    },
    Arguments {
        name: "a struct pattern",
        written: "Point { x, y: (y, _) }: Point,",
        key: ":<x>:<y>",
        used: &["x", "y"],
        call: "make()",
        ..NONE
    },
    Arguments {
        name: "unnamed",
        written: "_: u64, id: u64,",
        key: ":<id>",
        skip: "_,",
        used: &["id"],
        call: "1, 2",
        ..NONE
    },
    Arguments {
        name: "impl Trait",
        written: "name: impl AsRef<str> + Send + Sync,",
        key: ":<name.as_ref()>",
        used: &["name.as_ref()"],
        call: "\"ann\"",
        ..NONE
    },
    Arguments {
        name: "a closure",
        written: "id: u64, f: impl Fn(&str) -> u64 + Send + Sync,",
        key: ":<id>",
        skip: "f,",
        used: &["id", "f(\"x\")"],
        call: "1, |_: &str| 1",
        ..NONE
    },
    Arguments {
        name: "options and slices",
        written: "tags: &[String], of: Option<&str>,",
        key: ":<tags>:<of>",
        used: &["tags", "of"],
        call: "make(), None",
        elided: 2,
        ..NONE
    },
    Arguments {
        name: "an exclusive borrow",
        written: "seen: &mut Vec<u64>, id: u64,",
        key: ":<id>",
        skip: "seen,",
        used: &["{ seen.push(id); id }"],
        call: "make(), 1",
        elided: 1,
        ..NONE
    },
    Arguments {
        name: "compiled out",
        written: "id: u64, #[cfg(any())] tenant: &str, #[cfg(all())] region: u8,",
        key: ":<id>:<region>",
        used: &["id", "region"],
        call: "1, 2",
        ..NONE
    },
    Arguments {
        name: "not Send",
        written: "rows: Rc<Vec<u64>>, id: u64,",
        key: ":<id>",
        skip: "rows,",
        used: &["rows", "id"],
        call: "make(), 1",
        is_send: false,
        ..NONE
    },
    Arguments {
        name: "a trait object",
        written: "log: &(dyn Fn(&str) + Send + Sync), id: u64,",
        key: ":<id>",
        skip: "log,",
        used: &["log(\"x\")", "id"],
        call: "&|_: &str| (), 1",
        elided: 1,
        ..NONE
    },
    Arguments {
        name: "keywords",
        written: "r#type: u64, call: u8, key: u8,",
        key: ":<type>:<call>:<key>",
        used: &["r#type", "call", "key"],
        call: "1, 2, 3",
        ..NONE
    },
];

/// The function's own generic parameters, and the arguments that determine them.
pub(crate) struct Generics {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) clause: &'static str,
    pub(crate) written: &'static str,
    pub(crate) key: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) used: &'static [&'static str],
    pub(crate) call: &'static str,
    pub(crate) turbofish: &'static str,
    /// Whether there is a `T` that can be cached.
    pub(crate) has_t: bool,
}

const PLAIN: Generics = Generics {
    name: "no parameters",
    parameters: "",
    clause: "",
    written: "",
    key: "",
    skip: "",
    used: &[],
    call: "",
    turbofish: "",
    has_t: false,
};

pub(crate) const GENERICS: &[Generics] = &[
    PLAIN,
    Generics {
        name: "a type of an argument",
        parameters: "<T: Value + KeyPart>",
        written: "row: T,",
        key: ":<row>",
        used: &["row"],
        call: ", String::new()",
        has_t: true,
        ..PLAIN
    },
    Generics {
        name: "a type in a where clause",
        parameters: "<T, K>",
        clause: "where T: Value, K: Into<u64> + KeyPart + Clone + Send + Sync",
        written: "row: &T, at: K,",
        key: ":<at>",
        skip: "row,",
        used: &["row", "at"],
        call: ", make::<&String>(), 1_u8",
        has_t: true,
        ..PLAIN
    },
    Generics {
        name: "a type that no argument determines",
        parameters: "<T: Value>",
        skip: "T,",
        turbofish: "::<String>",
        has_t: true,
        ..PLAIN
    },
    Generics {
        name: "a constant",
        parameters: "<const N: usize>",
        written: "row: [u8; N],",
        key: ":<row>",
        used: &["row"],
        call: ", [1, 2]",
        ..PLAIN
    },
    Generics {
        name: "a lifetime",
        parameters: "<'a>",
        written: "row: &'a str, or: &'a str,",
        key: ":<row>:<or>",
        used: &["row", "or"],
        call: ", \"x\", \"y\"",
        ..PLAIN
    },
    Generics {
        name: "a closure's type",
        parameters: "<F>",
        clause: "where F: Fn(u64) -> u64 + Send + Sync",
        written: "row: F,",
        skip: "row,",
        used: &["row(1)"],
        call: ", |at: u64| at",
        ..PLAIN
    },
];

/// What the `Ok` is, or the whole if nothing fails.
pub(crate) struct Returns {
    pub(crate) written: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A parameter `T`.
    T,
    /// To stand where `Self` is a type that can be cached.
    SelfType,
    /// One lifetime that can be elided.
    Elision,
    /// The lifetime `'a`.
    Named,
}

const fn returns(written: &'static str) -> Returns {
    Returns { written, name: written, needs: Needs::Nothing }
}

pub(crate) const RETURNS: &[Returns] = &[
    returns("u64"),
    returns(""),
    returns("String"),
    returns("User"),
    returns("Option<User>"),
    returns("Vec<(u8, String)>"),
    returns("HashMap<String, User>"),
    returns("[u8; 4]"),
    returns("SearchResult<User>"),
    returns("Shelf<User>"),
    returns("NotClone"),
    returns("Cow<'static, str>"),
    returns("NotSync"),
    Returns { needs: Needs::T, ..returns("T") },
    Returns { needs: Needs::T, ..returns("Shelf<T>") },
    Returns { needs: Needs::SelfType, ..returns("Self") },
    Returns { needs: Needs::Elision, ..returns("Page<'_>") },
    Returns { needs: Needs::Elision, ..returns("Page") },
    Returns { needs: Needs::Elision, ..returns("Option<Cow<'_, str>>") },
    Returns { needs: Needs::Named, ..returns("Page<'a>") },
];

/// What no cache can hold.
pub(crate) const NOT_CACHED: Returns =
    Returns { written: "WithoutSerde", name: "a value without serde", needs: Needs::Nothing };

/// How the return type fails: a type around `OK`.
pub(crate) struct Fails {
    pub(crate) written: &'static str,
    /// What makes an error; empty if none can be.
    pub(crate) error: &'static str,
    /// The option of the attribute without which the companion's type cannot be known, if a type parameter is in it.
    pub(crate) hides_result: bool,
}

const fn fails(written: &'static str, error: &'static str) -> Fails {
    Fails { written, error, hides_result: false }
}

pub(crate) const ERRORS: &[Fails] = &[
    fails("OK", ""),
    fails("Result<OK, String>", "make()"),
    fails("std::io::Result<OK>", "std::io::Error::other(\"no\")"),
    fails("Result<OK, Box<dyn std::error::Error + Send + Sync>>", "\"no\".into()"),
    fails("Result<OK, &'static str>", "\"no\""),
    fails("Result<OK, (u16, &'static str)>", "(1, \"no\")"),
    fails("Result<OK, Cow<'static, str>>", "\"no\".into()"),
    fails("Result<OK, Arc<dyn std::error::Error + Send + Sync>>", "make()"),
    fails("Result<OK, NotCloneError>", "NotCloneError"),
    fails("anyhow::Result<OK>", "anyhow::anyhow!(\"no\")"),
    fails("AppResult<OK>", "make()"),
    Fails { hides_result: true, ..fails("Answer<OK>", "make()") },
    fails("Result<OK, Rc<str>>", "make()"),
    fails("Result<OK, Box<dyn std::error::Error>>", "\"no\".into()"),
    fails("Result<OK, std::convert::Infallible>", ""),
];

/// Other attributes: above the cachefence attribute, and below it.
pub(crate) const ATTRIBUTES: &[(&str, &str)] = &[
    ("", ""),
    ("", "#[doc(hidden)]"),
    ("#[cfg(all())]", ""),
    ("", "#[cfg(all())]"),
    ("", "#[inline]"),
    ("", "#[must_use]"),
    ("#[tracing::instrument(skip_all)]", ""),
    ("", "#[tracing::instrument(skip_all)]"),
    ("#[allow(clippy::all)]", "#[allow(dead_code)]"),
    ("", "#[cfg_attr(all(), doc(hidden))]"),
    ("#[expect(clippy::unused_async, reason = \"a trait's\")]", ""),
    ("", "#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value)]"),
    ("", "#[deny(unused)]"),
];

/// Lints over the whole module.
pub(crate) const LINTS: &[&str] = &[
    "",
    "#![forbid(dead_code, unused_variables, unused_mut, unused_imports, unused_braces)]",
    "#![warn(missing_docs, unreachable_pub, single_use_lifetimes, unused_lifetimes, trivial_casts, \
     trivial_numeric_casts, unused_qualifications, unused_results, let_underscore_drop, unnameable_types, \
     explicit_outlives_requirements, unused_import_braces, missing_debug_implementations, redundant_lifetimes, \
     elided_lifetimes_in_paths, non_ascii_idents, variant_size_differences, meta_variable_misuse)]",
    "#![forbid(unsafe_code, unused_must_use, unused_parens, unreachable_patterns)]",
    "#![warn(clippy::all, clippy::pedantic, clippy::nursery)]",
];

pub(crate) const VISIBILITIES: &[&str] = &["", "pub ", "pub(crate) "];

/// Options of the attribute beside key, ttl and skip.
pub(crate) const OPTIONS: &[&str] =
    &["", "stale_while_revalidate = 5, jitter = 0.1, beta = 2.0,", "entry = false,"];
