//! Hedges: a second slot beside a lease that is held.

use super::{Outcome, Site, Store, TERM, checks, value};
use crate::store::Take;

checks![
    a_hedge_is_taken_beside_a_lease,
    the_lease_comes_first,
    a_live_hedge_is_not_taken_over,
    a_lease_beside_a_live_hedge_is_for_those_who_waited,
    a_store_by_the_hedge_voids_the_lease,
    a_store_by_the_lease_voids_the_hedge,
    a_release_leaves_the_other_slot,
    postponing_leaves_the_other_slot,
    each_slot_is_renewed_by_its_own_token,
    force_empties_the_hedge,
    an_invalidation_voids_the_hedge,
];

async fn a_hedge_is_taken_beside_a_lease(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert_eq!(site.tokens(Take::IfFree).await, [Some(lease), Some(hedge)]);
    let remaining = site.held(Take::IfFree).await.remaining();
    assert!(remaining <= TERM && remaining > TERM / 2, "{remaining:?}");
}

async fn the_lease_comes_first(site: Site<'_>) {
    let lease = site.takes(Take::Beside, None).await.expect("both slots are free");
    assert_eq!(site.tokens(Take::IfFree).await, [Some(lease), None]);
}

async fn a_live_hedge_is_not_taken_over(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert_eq!(site.tokens(Take::Beside).await, [Some(lease), Some(hedge)]);
    assert!(site.stores(hedge, "v").await);
}

async fn a_lease_beside_a_live_hedge_is_for_those_who_waited(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.releases(lease).await);
    assert_eq!(site.tokens(Take::IfFree).await, [None, Some(hedge)]);
    let waited = site.takes(Take::Beside, None).await.expect("the lease is free");
    assert_eq!(site.tokens(Take::IfFree).await, [Some(waited), Some(hedge)]);
}

async fn a_store_by_the_hedge_voids_the_lease(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.stores(hedge, "hedge").await);
    assert!(!site.stores(lease, "lease").await && !site.renews(lease).await);
    assert_eq!(site.entry().await.payload, "hedge");
    assert!(site.is_free().await);
}

async fn a_store_by_the_lease_voids_the_hedge(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.stores(lease, "lease").await);
    assert!(!site.stores(hedge, "hedge").await && !site.renews(hedge).await);
    assert_eq!(site.entry().await.payload, "lease");
    assert!(site.is_free().await);
}

async fn a_release_leaves_the_other_slot(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.releases(hedge).await);
    assert_eq!(site.tokens(Take::IfFree).await, [Some(lease), None]);
    let hedge = site.hedge().await;
    assert!(site.releases(lease).await);
    assert_eq!(site.tokens(Take::IfFree).await, [None, Some(hedge)]);
    assert!(site.stores(hedge, "v").await);
}

async fn postponing_leaves_the_other_slot(site: Site<'_>) {
    site.put(value("v")).await;
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    assert!(site.finishes(&[hedge], Outcome::Postpone(TERM)).await);
    assert!(site.entry().await.retry_at.is_some());
    assert_eq!(site.tokens(Take::IfFree).await, [Some(lease), None]);
    assert!(site.stores(lease, "new").await);
}

async fn each_slot_is_renewed_by_its_own_token(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    for token in [lease, hedge] {
        assert!(site.store.renew(&site.key, token, TERM * 10).await.unwrap());
    }
    let held = site.held(Take::Beside).await;
    for slot in [held.lease, held.hedge] {
        assert!(slot.is_some_and(|holder| holder.remaining > TERM), "{held:?}");
    }
    assert!(site.releases(lease).await && !site.renews(lease).await);
    assert!(site.renews(hedge).await);
    assert_eq!(site.tokens(Take::IfFree).await, [None, Some(hedge)]);
}

async fn force_empties_the_hedge(site: Site<'_>) {
    let (_, hedge) = (site.lease().await, site.hedge().await);
    let forced = site.takes(Take::Force, None).await.expect("whoever holds them");
    assert_eq!(site.tokens(Take::IfFree).await, [Some(forced), None]);
    assert!(!site.stores(hedge, "too late").await);
}

async fn an_invalidation_voids_the_hedge(site: Site<'_>) {
    let (lease, hedge) = (site.lease().await, site.hedge().await);
    site.invalidate().await;
    assert!(!site.stores(hedge, "too late").await && !site.stores(lease, "too late").await);
    assert!(site.read().await.is_none());
    assert!(site.is_free().await);
}
