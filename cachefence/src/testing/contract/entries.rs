//! Entries: written, read, expired, removed.

use super::{BRIEF, Duration, Site, Store, TERM, checks, value};
use crate::store::{Acquired, Kind, Take};

checks![
    an_entry_round_trips,
    an_empty_value_is_an_entry,
    an_entry_expires,
    a_stale_entry_is_kept_for_its_window,
    a_newer_entry_is_given_instead_of_a_slot,
    each_change_gives_another_revision,
    several_keys_are_invalidated_at_once,
];

async fn an_entry_round_trips(site: Site<'_>) {
    assert!(site.read().await.is_none());
    site.put(value("v")).await;
    let found = site.entry().await;
    assert_eq!((&*found.payload, found.kind), (&b"v"[..], Kind::Value));
    assert_eq!(found.delta, Duration::from_millis(50));
    assert_eq!((found.life, found.retry_at), (Duration::from_secs(60), None));
    let left = found.expiry.since(found.now).unwrap_or_default();
    // The store's clock is known to a round trip.
    assert!(left.abs_diff(Duration::from_secs(60)) < Duration::from_secs(10), "{left:?}");
}

async fn an_empty_value_is_an_entry(site: Site<'_>) {
    let revision = site.put(value("")).await;
    let (_, acquired) = site.acquired(Take::IfFree, None).await;
    let Acquired::Newer(found) = acquired else { panic!("{acquired:?}") };
    assert_eq!((found.payload.len(), found.revision), (0, revision));
}

async fn an_entry_expires(site: Site<'_>) {
    let token = site.lease().await;
    assert!(site.finishes(&[token], super::Outcome::Store(value("v").ttl(BRIEF))).await);
    site.until(|found| found.is_none_or(|found| found.expiry <= found.now)).await;
}

async fn a_stale_entry_is_kept_for_its_window(site: Site<'_>) {
    let token = site.lease().await;
    let brief = value("v").ttl(BRIEF).stale(TERM);
    assert!(site.finishes(&[token], super::Outcome::Store(brief)).await);
    site.until(|found| found.is_some_and(|found| found.expiry <= found.now)).await;
    assert_eq!(site.entry().await.payload, "v");
    assert!(site.is_free().await, "it may be loaded anew");
}

async fn a_newer_entry_is_given_instead_of_a_slot(site: Site<'_>) {
    let old = site.put(value("old")).await;
    assert!(site.takes(Take::IfFree, Some(old)).await.is_some(), "what it saw is still there");
    let new = site.put(value("new")).await;
    for take in [Take::IfFree, Take::Beside] {
        for seen in [None, Some(old)] {
            let (_, acquired) = site.acquired(take, seen).await;
            let Acquired::Newer(found) = acquired else { panic!("{acquired:?}") };
            assert_eq!((&*found.payload, found.revision), (&b"new"[..], new));
        }
    }
    assert!(site.is_free().await, "asking left no slot behind");
}

async fn each_change_gives_another_revision(site: Site<'_>) {
    let mut revisions = Vec::new();
    for _ in 0..3 {
        revisions.push(site.put(value("the same")).await);
        let token = site.lease().await;
        assert!(site.finishes(&[token], super::Outcome::Postpone(TERM)).await);
        revisions.push(site.entry().await.revision);
    }
    for (at, revision) in revisions.iter().enumerate() {
        assert!(!revisions[at + 1..].contains(revision), "{revisions:?}");
    }
}

async fn several_keys_are_invalidated_at_once(site: Site<'_>) {
    let sites = [site.clone(), Site::new(site.store, "second"), Site::new(site.store, "third")];
    let mut tokens = Vec::new();
    for site in &sites {
        site.put(value("v")).await;
        tokens.push(site.lease().await);
    }
    let keys: Vec<_> = sites.iter().map(|site| site.key.clone()).collect();
    site.store.invalidate(&keys).await.unwrap();
    for (site, token) in sites.iter().zip(tokens) {
        assert!(site.read().await.is_none());
        assert!(!site.stores(token, "too late").await);
    }
    site.store.invalidate(&[]).await.unwrap();
}
