//! Leases: taken, kept, finished, lost.

use super::{Acquire, Duration, Outcome, Site, Store, TERM, checks, soon, value};
use crate::store::{Acquired, Take};

checks![
    one_flight_holds_the_lease,
    a_token_is_given_one_lease,
    storing_stores_and_releases,
    only_the_holder_stores,
    an_invalidation_voids_the_lease,
    force_takes_the_lease_from_its_holder,
    only_the_holder_releases,
    only_the_holder_renews,
    a_renewal_may_be_for_longer_and_fills_no_slot,
    a_lease_ends_by_itself,
    a_lease_that_has_ended_is_of_no_use,
    postponing_holds_the_entry_off_and_releases,
    only_the_holder_postpones,
    postponing_without_an_entry_only_releases,
];

async fn one_flight_holds_the_lease(site: Site<'_>) {
    let token = site.lease().await;
    let held = site.held(Take::IfFree).await;
    let holder = held.lease.expect("somebody holds it");
    assert_eq!((holder.token, held.hedge), (token, None));
    assert!(holder.remaining <= TERM && holder.remaining > TERM / 2, "{:?}", holder.remaining);
}

async fn a_token_is_given_one_lease(site: Site<'_>) {
    let request = Acquire::new(super::super::token(), TERM);
    let acquired = site.store.acquire(&site.key, &request).await.unwrap();
    assert!(matches!(acquired, Acquired::Lease), "{acquired:?}");
    // A request that was repeated on its way is not a second right to load.
    let acquired = site.store.acquire(&site.key, &request).await.unwrap();
    assert!(matches!(acquired, Acquired::Held(_)), "{acquired:?}");
}

async fn storing_stores_and_releases(site: Site<'_>) {
    let token = site.lease().await;
    assert!(site.stores(token, "v").await);
    assert_eq!(site.entry().await.payload, "v");
    assert!(!site.stores(token, "again").await, "a lease stores once");
    assert!(site.is_free().await);
}

async fn only_the_holder_stores(site: Site<'_>) {
    assert!(!site.stores(super::super::token(), "no lease").await);
    site.lease().await;
    assert!(!site.stores(super::super::token(), "not mine").await);
    assert!(!site.finishes(&[], Outcome::Store(value("nobody's"))).await);
    assert!(site.read().await.is_none());
}

async fn an_invalidation_voids_the_lease(site: Site<'_>) {
    let token = site.lease().await;
    site.invalidate().await;
    assert!(!site.stores(token, "too late").await);
    assert!(site.read().await.is_none());

    site.put(value("v")).await;
    site.invalidate().await;
    assert!(site.read().await.is_none());
}

async fn force_takes_the_lease_from_its_holder(site: Site<'_>) {
    site.put(value("not looked at")).await;
    let first = site.lease().await;
    let second = site.takes(Take::Force, None).await.expect("whoever holds it");
    assert!(!site.stores(first, "too late").await);
    assert!(!site.releases(first).await);
    assert!(site.stores(second, "v").await);
    assert_eq!(site.entry().await.payload, "v");
}

async fn only_the_holder_releases(site: Site<'_>) {
    let token = site.lease().await;
    assert!(!site.releases(super::super::token()).await);
    assert!(!site.is_free().await, "somebody else's release changed nothing");
    assert!(site.releases(token).await);
    assert!(site.is_free().await);
}

async fn only_the_holder_renews(site: Site<'_>) {
    let token = site.lease().await;
    assert!(!site.renews(super::super::token()).await);
    assert!(site.renews(token).await);
    assert!(site.releases(token).await);
    assert!(!site.renews(token).await);
    assert!(site.is_free().await, "a renewal fills no slot");
}

async fn a_renewal_may_be_for_longer_and_fills_no_slot(site: Site<'_>) {
    let token = super::super::token();
    let request = Acquire::new(token, Duration::from_millis(500));
    site.store.acquire(&site.key, &request).await.unwrap();
    assert!(site.renews(token).await);
    let remaining = site.held(Take::IfFree).await.remaining();
    assert!(remaining > Duration::from_secs(1), "{remaining:?}");
    site.invalidate().await;
    assert!(!site.renews(token).await, "what was voided is not revived");
    assert!(site.is_free().await);
}

async fn a_lease_ends_by_itself(site: Site<'_>) {
    let dead = super::super::token();
    let request = Acquire::new(dead, Duration::from_millis(5));
    site.store.acquire(&site.key, &request).await.unwrap();
    let token = soon(async {
        loop {
            if let Some(token) = site.takes(Take::IfFree, None).await {
                return token;
            }
        }
    });
    let token = token.await;
    assert!(!site.renews(dead).await);
    assert!(!site.stores(dead, "too late").await);
    assert!(site.stores(token, "v").await);
}

async fn a_lease_that_has_ended_is_of_no_use(site: Site<'_>) {
    let seen = site.put(value("old")).await;
    for outcome in [Outcome::Store(value("too late")), Outcome::Postpone(TERM), Outcome::Release] {
        let token = super::super::token();
        let request = Acquire::new(token, Duration::from_millis(5)).seen(Some(seen));
        let acquired = site.store.acquire(&site.key, &request).await.unwrap();
        assert!(matches!(acquired, Acquired::Lease), "{acquired:?}");
        let begun = site.entry().await.now;
        let later = begun.after(Duration::from_millis(100));
        site.until(|found| found.is_some_and(|found| found.now > later)).await;
        assert!(!site.finishes(&[token], outcome).await && !site.renews(token).await);
    }
    let found = site.entry().await;
    assert_eq!((&*found.payload, found.revision), (&b"old"[..], seen));
}

async fn postponing_holds_the_entry_off_and_releases(site: Site<'_>) {
    let old = site.put(value("v")).await;
    let token = site.lease().await;
    let pause = Duration::from_secs(20);
    assert!(site.finishes(&[token], Outcome::Postpone(pause)).await);
    let found = site.entry().await;
    let left = found.retry_at.and_then(|retry_at| retry_at.since(found.now)).unwrap_or_default();
    assert!(left <= pause + TERM && left > pause / 2, "{left:?}");
    assert_eq!((&*found.payload, found.delta), (&b"v"[..], value("v").delta));
    assert_ne!(found.revision, old, "those who wait for a change see it");
    let left = found.expiry.since(found.now).unwrap_or_default();
    assert!(left > Duration::from_secs(50), "its life is what it was: {left:?}");
    assert!(site.is_free().await);
}

async fn only_the_holder_postpones(site: Site<'_>) {
    site.put(value("v")).await;
    let token = site.lease().await;
    assert!(!site.finishes(&[super::super::token()], Outcome::Postpone(TERM)).await);
    assert_eq!(site.entry().await.retry_at, None);
    site.invalidate().await;
    assert!(!site.finishes(&[token], Outcome::Postpone(TERM)).await);
    assert!(site.read().await.is_none());
}

async fn postponing_without_an_entry_only_releases(site: Site<'_>) {
    let token = site.lease().await;
    assert!(site.finishes(&[token], Outcome::Postpone(TERM)).await);
    assert!(site.read().await.is_none());
    assert!(site.is_free().await);
}
