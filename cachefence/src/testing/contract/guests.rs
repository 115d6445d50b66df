//! Guests: a caller that loads without a slot of its own stores by a token that it was told.

use super::{Outcome, Site, Store, checks, value};
use crate::store::Take;

checks![a_guest_stores_by_any_token_that_it_was_told, a_guest_whose_tokens_are_gone_stores_nothing,];

async fn a_guest_stores_by_any_token_that_it_was_told(site: Site<'_>) {
    for released in [None, Some(0), Some(1)] {
        let holders = [site.lease().await, site.hedge().await];
        let told = site.tokens(Take::Beside).await.map(|token| token.expect("both are held"));
        assert_eq!(told, holders);
        if let Some(released) = released {
            assert!(site.releases(holders[released]).await);
        }
        assert!(site.finishes(&told, Outcome::Store(value("guest"))).await, "{released:?}");
        for holder in holders {
            assert!(!site.stores(holder, "too late").await, "both are void: {released:?}");
        }
        assert_eq!(site.entry().await.payload, "guest");
    }
}

async fn a_guest_whose_tokens_are_gone_stores_nothing(site: Site<'_>) {
    let told = [site.lease().await, site.hedge().await];
    site.invalidate().await;
    let later = site.lease().await;
    assert!(!site.finishes(&told, Outcome::Store(value("guest"))).await);
    assert!(site.read().await.is_none());
    assert!(site.stores(later, "later").await, "whoever came after is not touched");
}
