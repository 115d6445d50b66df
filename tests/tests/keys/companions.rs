//! Keys of real functions, by their companions.

#![allow(dead_code, clippy::unused_async)] // no body is ever run
#![allow(clippy::option_option)] // it is what keys have to tell apart

use std::sync::LazyLock;

use cachefence::{CacheFence, Entry, cachefence};
use uuid::Uuid;

use crate::check::{check, check_apart};
use crate::derived::{Filter, Id, Kind, Order, Range, Sku, Tree};
use crate::dice::Dice;
use crate::own::{Page, UserId, Version};

static CACHE: LazyLock<CacheFence> = LazyLock::new(CacheFence::in_memory);

pub(crate) fn strings(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "user:<a>:<b>", ttl = 60, cache = CACHE)]
    async fn cached(a: &str, b: String) -> u32 {
        0
    }

    type Args = (String, String);
    check(dice, pairs, &["user:", ":", ""], |(a, b): &Args| cached_entry(a, b.clone()))
}

pub(crate) fn after_a_hash_tag(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "{org:<org>}:<name>", ttl = 60, cache = CACHE)]
    async fn cached(org: i32, name: &String) -> u32 {
        0
    }

    type Args = (i32, String);
    check(dice, pairs, &["{org:", "}:", ""], |(org, name): &Args| cached_entry(*org, name))
}

pub(crate) fn beginning_like_a_lock(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "<org>lock:<name>", ttl = 60, cache = CACHE)]
    async fn cached(org: Option<&str>, name: &str) -> u32 {
        0
    }

    type Args = (Option<String>, String);
    let entry = |(org, name): &Args| cached_entry(org.as_deref(), name);
    check(dice, pairs, &["", "lock:", ""], entry)
}

pub(crate) fn of_structure(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "deep:<a>/<b>/<c>", ttl = 60, cache = CACHE)]
    async fn cached(a: Option<Option<&str>>, b: &[String], c: &(u8, Option<char>)) -> u32 {
        0
    }

    type Args = (Option<Option<String>>, Vec<String>, (u8, Option<char>));
    check(dice, pairs, &["deep:", "/", "/", ""], |(a, b, c): &Args| {
        cached_entry(a.as_ref().map(Option::as_deref), b, c)
    })
}

pub(crate) fn of_own_types(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "<id>|<version>|<uuid>|<page>", ttl = 60, cache = CACHE)]
    async fn cached(id: UserId, version: &Version, uuid: Uuid, page: Box<Page>) -> u32 {
        0
    }

    type Args = (UserId, Version, Uuid, Page);
    check(dice, pairs, &["", "|", "|", "|", ""], |(id, version, uuid, page): &Args| {
        cached_entry(id.clone(), version, *uuid, Box::new(page.clone()))
    })
}

pub(crate) fn of_fields(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "<<<page.query>>>:<page.number>:<more.as_slice()>", ttl = 60, cache = CACHE)]
    async fn cached(page: &Page, more: Vec<u64>) -> u32 {
        0
    }

    type Args = (String, u32, Vec<u64>);
    check(dice, pairs, &["<", ">:", ":", ""], |(query, number, more): &Args| {
        cached_entry(&Page { query: query.clone(), number: *number }, more.clone())
    })
}

pub(crate) fn of_derived_types(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "<sku>:<id>:<kind>|<tree>", ttl = 60, cache = CACHE)]
    async fn cached(sku: &Sku, id: Id<Order>, kind: Kind, tree: Tree<String>) -> u32 {
        0
    }

    type Args = (Sku, Id<Order>, Kind, Tree<String>);
    check(dice, pairs, &["", ":", ":", "|", ""], |(sku, id, kind, tree): &Args| {
        cached_entry(sku, id.clone(), *kind, tree.clone())
    })
}

pub(crate) fn of_derived_generics(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "f:<filter>:<trees>:<range>", ttl = 60, cache = CACHE)]
    async fn cached<T: cachefence::KeyPart + Clone, const N: usize>(
        filter: &Filter<'_, T, N>,
        trees: &[Tree<Option<T>>],
        range: Range<(Sku, char)>,
    ) -> u32 {
        0
    }

    type Args = (Filter<'static, i64, 2>, Vec<Tree<Option<i64>>>, Range<(Sku, char)>);
    check(dice, pairs, &["f:", ":", ":", ""], |(filter, trees, range): &Args| {
        cached_entry(filter, trees, range.clone())
    })
}

/// Functions of one template whose keys differ in types and versions alone.
pub(crate) fn of_types_and_versions(dice: &mut Dice, pairs: u64) -> Result<(), String> {
    #[cachefence(key = "row:<a>:<b>", ttl = 60, cache = CACHE)]
    async fn free(a: &str, b: Option<&str>) -> u32 {
        0
    }

    #[cachefence(key = "row:<a>:<b>", ttl = 60, cache = CACHE, version = 2)]
    async fn second(a: &str, b: Option<&str>) -> u32 {
        0
    }

    #[cachefence(key = "row:<a>:<b>", ttl = 60, cache = CACHE, version = 12)]
    async fn twelfth(a: &str, b: Option<&str>) -> u32 {
        0
    }

    struct Repo<T>(T);

    impl<T> Repo<T> {
        #[cachefence(key = "row:<a>:<b>", ttl = 60, cache = CACHE)]
        async fn cached(a: &str, b: Option<&str>) -> u32 {
            0
        }

        #[cachefence(key = "row:<a>:<b>", ttl = 60, cache = CACHE, version = 2)]
        async fn versioned(a: &str, b: Option<&str>) -> u32 {
            0
        }
    }

    type Args = (String, Option<String>);
    let entries: [fn(&Args) -> Entry<u32>; 7] = [
        |(a, b)| free_entry(a, b.as_deref()),
        |(a, b)| second_entry(a, b.as_deref()),
        |(a, b)| twelfth_entry(a, b.as_deref()),
        |(a, b)| Repo::<u8>::cached_entry(a, b.as_deref()),
        |(a, b)| Repo::<String>::cached_entry(a, b.as_deref()),
        |(a, b)| Repo::<u8>::versioned_entry(a, b.as_deref()),
        |(a, b)| Repo::<String>::versioned_entry(a, b.as_deref()),
    ];
    let end = |entry: fn(&Args) -> Entry<u32>| {
        let key = entry(&(String::new(), Some(String::new()))).key().to_owned();
        let end = key.strip_prefix("row::").map(str::to_owned);
        end.ok_or_else(|| format!("{key:?} begins otherwise"))
    };
    let functions: Vec<_> =
        entries.into_iter().map(|entry| Ok((entry, end(entry)?))).collect::<Result<_, String>>()?;
    let own = pairs / 2 / entries.len() as u64;
    for (entry, end) in &functions {
        check(dice, own, &["row:", ":", end], entry)?;
    }
    check_apart(dice, pairs - own * entries.len() as u64, &["row:", ":"], &functions)
}
