//! Marks: a value that is not to be cached.

use super::{BRIEF, Duration, Outcome, Site, Store, TERM, checks, value};
use crate::store::{Acquired, Kind, Take};

checks![
    a_mark_takes_the_place_of_nothing,
    a_mark_takes_the_place_of_what_is_past_its_ttl,
    a_mark_over_a_valid_value_holds_it_off,
    a_mark_is_fenced,
    an_invalidation_removes_a_mark,
    a_value_takes_the_place_of_a_mark,
    a_mark_takes_the_place_of_a_mark,
    a_mark_ends_by_itself,
];

const SECOND: Duration = Duration::from_secs(1);

async fn mark(site: &Site<'_>, ttl: Duration) -> bool {
    let token = site.lease().await;
    site.finishes(&[token], Outcome::Uncacheable(ttl)).await
}

async fn a_mark_takes_the_place_of_nothing(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.finishes(&[hedge], Outcome::Uncacheable(TERM)).await);
    assert!(!site.stores(lease, "too late").await, "both slots are empty");
    let found = site.entry().await;
    assert_eq!((found.kind, found.payload.len()), (Kind::Uncacheable, 0));
    assert_eq!((found.life, found.retry_at), (TERM, None));
    let left = found.expiry.since(found.now).unwrap_or_default();
    assert!(left <= TERM + SECOND && left > TERM / 2, "{left:?}");
    let (_, acquired) = site.acquired(Take::IfFree, None).await;
    assert!(matches!(acquired, Acquired::Newer(_)), "{acquired:?}");
    assert!(site.is_free().await, "who has seen it gets the lease");
}

async fn a_mark_takes_the_place_of_what_is_past_its_ttl(site: Site<'_>) {
    let token = site.lease().await;
    let brief = value("v").ttl(BRIEF).stale(TERM);
    assert!(site.finishes(&[token], Outcome::Store(brief)).await);
    site.until(|found| found.is_some_and(|found| found.expiry <= found.now)).await;
    // Where the clock is known to a round trip, the value may be valid for a little longer.
    let replaced = async {
        while site.entry().await.kind == Kind::Value {
            assert!(mark(&site, TERM).await);
        }
    };
    super::soon(replaced).await;
    assert_eq!(site.entry().await.payload, "");
}

async fn a_mark_over_a_valid_value_holds_it_off(site: Site<'_>) {
    let old = site.put(value("v")).await;
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.finishes(&[lease], Outcome::Uncacheable(TERM)).await);
    let found = site.entry().await;
    assert_eq!((found.kind, &*found.payload), (Kind::Value, &b"v"[..]));
    assert_eq!(found.life, value("v").ttl);
    assert_ne!(found.revision, old, "those who wait for a change see it");
    let left = found.retry_at.and_then(|retry_at| retry_at.since(found.now)).unwrap_or_default();
    assert!(left <= TERM + SECOND && left > TERM / 2, "{left:?}");
    assert!(!site.stores(hedge, "too late").await, "both slots are empty");
    assert!(site.is_free().await);
}

async fn a_mark_is_fenced(site: Site<'_>) {
    let token = site.lease().await;
    site.invalidate().await;
    assert!(!site.finishes(&[token], Outcome::Uncacheable(TERM)).await);
    assert!(site.read().await.is_none());
}

async fn an_invalidation_removes_a_mark(site: Site<'_>) {
    assert!(mark(&site, TERM).await);
    site.invalidate().await;
    assert!(site.read().await.is_none());
}

async fn a_value_takes_the_place_of_a_mark(site: Site<'_>) {
    assert!(mark(&site, TERM).await);
    let token = site.lease().await;
    assert!(site.stores(token, "v").await);
    let found = site.entry().await;
    assert_eq!((found.kind, &*found.payload), (Kind::Value, &b"v"[..]));
}

async fn a_mark_takes_the_place_of_a_mark(site: Site<'_>) {
    assert!(mark(&site, TERM).await);
    let old = site.entry().await;
    assert!(mark(&site, TERM * 2).await);
    let new = site.entry().await;
    assert_eq!((new.kind, new.life, new.retry_at), (Kind::Uncacheable, TERM * 2, None));
    assert_ne!(new.revision, old.revision);
}

async fn a_mark_ends_by_itself(site: Site<'_>) {
    assert!(mark(&site, BRIEF).await);
    site.until(|found| found.is_none_or(|found| found.expiry <= found.now)).await;
}
