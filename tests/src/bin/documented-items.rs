//! Reads what rustdoc knows of a crate (its JSON) and fails if a public item shows nobody how it is used:
//!
//! ```sh
//! tests/documented-items
//! ```
//!
//! An item is a type, a trait, a function, a method, a constant or a macro. Its doc needs one of these:
//!
//! - an example;
//! - if the item is a method, an example of its type or trait that names the method, there or behind a link of that doc;
//! - a link to an item that has an example, as in "from `Entry::inspect`, which has an example". Nothing checks that this
//!   example shows the item.
//!
//! An example is a fenced block of Rust. Fields and variants belong to their type, and implementations of a trait to the
//! trait. Modules are not looked at: the pages of the guide are modules.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use serde::Deserialize;
use serde::de::IgnoredAny;

type Id = u32;

#[derive(Deserialize)]
struct Crate {
    root: Id,
    index: BTreeMap<Id, Item>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    docs: Option<String>,
    links: BTreeMap<String, Id>,
    span: Option<Span>,
    /// The item's kind, and what is inside of it.
    inner: BTreeMap<String, Inside>,
}

#[derive(Deserialize)]
struct Span {
    filename: String,
    begin: (u32, u32),
}

#[derive(Deserialize)]
struct Inside {
    /// Of a module, a trait or an implementation.
    #[serde(default)]
    items: Vec<Id>,
    /// Of a type.
    #[serde(default)]
    impls: Vec<Id>,
    /// The item that a `use` exports.
    id: Option<Id>,
    /// The trait that an implementation is of.
    #[serde(rename = "trait")]
    of_trait: Option<IgnoredAny>,
}

impl Item {
    /// The examples in the item's doc, as they stand there.
    fn examples(&self) -> impl Iterator<Item = &str> {
        let mut parts = self.docs.as_deref().unwrap_or_default().split("```");
        parts.next();
        std::iter::from_fn(move || {
            let example = parts.next()?;
            parts.next();
            Some(example)
        })
        .filter(|example| {
            let kind = example.lines().next().unwrap_or_default();
            matches!(kind, "" | "rust" | "no_run" | "should_panic" | "compile_fail")
        })
    }

    fn has_example(&self) -> bool {
        self.examples().next().is_some()
    }

    /// Whether an example calls or defines `method`.
    fn names(&self, method: &str) -> bool {
        self.examples().any(|example| {
            example.match_indices(method).any(|(at, _)| {
                let [before, after] = [&example[..at], &example[at + method.len()..]];
                after.starts_with(['(', '<', ':'])
                    && !before.ends_with(|c: char| c == '_' || c.is_alphanumeric())
            })
        })
    }
}

impl Crate {
    /// Adds each item that can be reached from `id` to `found`, with the type or trait whose method it is.
    fn reach(&self, id: Id, owner: Option<Id>, found: &mut BTreeMap<Id, Option<Id>>) {
        // What another crate exports is not in the index.
        let Some(item) = self.index.get(&id) else { return };
        if found.insert(id, owner).is_some() {
            return;
        }
        for (kind, inside) in &item.inner {
            match kind.as_str() {
                "use" => inside.id.into_iter().for_each(|id| self.reach(id, None, found)),
                "module" => inside.items.iter().for_each(|&item| self.reach(item, None, found)),
                "trait" => inside.items.iter().for_each(|&item| self.reach(item, Some(id), found)),
                _ => {
                    let impls = inside.impls.iter().filter_map(|id| self.index.get(id));
                    for inside in impls.flat_map(|item| item.inner.values()) {
                        if inside.of_trait.is_none() {
                            inside.items.iter().for_each(|&item| self.reach(item, Some(id), found));
                        }
                    }
                }
            }
        }
    }

    fn is_shown(&self, item: &Item, owner: Option<Id>) -> bool {
        let name = item.name.as_deref().unwrap_or_default();
        item.has_example()
            || self.linked(item).any(Item::has_example)
            || owner.map(|owner| &self.index[&owner]).is_some_and(|owner| {
                owner.names(name) || self.linked(owner).any(|linked| linked.names(name))
            })
    }

    fn linked<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a Item> {
        item.links.values().filter_map(|id| self.index.get(id))
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let kinds = [
        "struct",
        "enum",
        "union",
        "trait",
        "function",
        "constant",
        "static",
        "type_alias",
        "macro",
        "proc_macro",
    ];
    let kinds = BTreeSet::from(kinds);
    let (mut shown, mut code) = (0, ExitCode::SUCCESS);
    for file in env::args().skip(1) {
        let krate: Crate = serde_json::from_slice(&fs::read(&file)?)?;
        let mut found = BTreeMap::new();
        krate.reach(krate.root, None, &mut found);
        for (id, owner) in found {
            let item = &krate.index[&id];
            let Some(kind) = item.inner.keys().find(|kind| kinds.contains(kind.as_str())) else {
                continue;
            };
            if krate.is_shown(item, owner) {
                shown += 1;
                continue;
            }
            let of = owner
                .and_then(|owner| krate.index[&owner].name.as_deref())
                .map(|name| format!("{name}::"));
            let name =
                format!("{}{}", of.unwrap_or_default(), item.name.as_deref().unwrap_or_default());
            let place = item
                .span
                .as_ref()
                .map(|Span { filename, begin: (line, _) }| format!("{filename}:{line}"));
            let place = place.unwrap_or_default();
            eprintln!("{place}: {kind} `{name}` has no example, and links to no item that has one");
            code = ExitCode::FAILURE;
        }
    }
    if shown == 0 {
        return Err("give it the JSON that rustdoc has written".into());
    }
    println!("{shown} items have an example, or link to one");
    Ok(code)
}
