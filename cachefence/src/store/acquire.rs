//! Acquiring a slot: what is asked for, and the answer.
//!
//! A caller sends a token that it has never sent before, and the store puts the token into a slot if that
//! is free. The request also says which entry the caller has seen: if another is there, somebody has
//! loaded the key meanwhile, and the caller needs no slot. If the slot is held, the answer names the
//! holders' tokens, so that the caller knows whom it waits for.

use std::time::Duration;

use super::{Revision, Snapshot, Token, Watch};

/// A flight's request for the right to load an entry; [`Store`](super::Store) has an example.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Acquire<'a> {
    /// The token that the slot is to hold. It was in no slot before.
    pub token: Token,
    /// The slot's term.
    pub lease: Duration,
    /// Which slot is asked for.
    pub take: Take,
    /// The revision of the entry that the caller has seen; `None` if the caller saw none.
    pub seen: Option<Revision>,
    /// The watch that is to be woken when the entry or a slot changes; `None` if the caller does not
    /// wait.
    pub watch: Option<&'a Watch>,
}

/// Which slot is taken by an [`Acquire`]; [`Store`](super::Store) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Take {
    /// The lease, if both slots are free.
    IfFree,
    /// The lease if it is free, else the hedge if that is: for a flight that has waited for the holder of
    /// the lease. It never touches the other slot.
    Beside,
    /// The lease, whoever holds it; and the hedge is emptied. The entry does not matter.
    Force,
}

impl Acquire<'_> {
    /// A request for a free lease, by a caller that saw no entry and does not wait.
    pub fn new(token: Token, lease: Duration) -> Self {
        Self { token, lease, take: Take::IfFree, seen: None, watch: None }
    }
}

impl<'a> Acquire<'a> {
    /// Sets which slot is asked for.
    #[must_use]
    pub fn take(self, take: Take) -> Self {
        Self { take, ..self }
    }

    /// Sets the revision of the entry that the caller has seen.
    #[must_use]
    pub fn seen(self, seen: Option<Revision>) -> Self {
        Self { seen, ..self }
    }

    /// Sets the watch that is to be woken when the entry or a slot changes.
    #[must_use]
    pub fn watch(self, watch: Option<&'a Watch>) -> Self {
        Self { watch, ..self }
    }
}

/// The answer to [`Store::acquire`](super::Store::acquire); [`Store`](super::Store) has an example.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Acquired {
    /// A slot holds the caller's token now.
    Lease,
    /// There is another entry than the caller saw; the slots are as they were.
    Newer(Snapshot),
    /// Others hold what was asked for; the slots are as they were.
    Held(Held),
}

/// Who holds the slots of a key; free ones are `None`.
///
/// ```
/// use cachefence::store::{Held, Holder, Token};
/// use std::time::Duration;
///
/// let token: Token = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?;
/// let left = Duration::from_secs(2);
/// let held = Held::new(Some(Holder::new(token, left)), None);
/// assert_eq!(held.remaining(), left);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Held {
    /// The holder of the lease.
    pub lease: Option<Holder>,
    /// The holder of the hedge.
    pub hedge: Option<Holder>,
}

impl Held {
    /// The holders of the lease and of the hedge; `None` for a slot that is free.
    pub fn new(lease: Option<Holder>, hedge: Option<Holder>) -> Self {
        Self { lease, hedge }
    }

    /// How long it takes at the most until one of the slots is free, unless its holder renews it.
    pub fn remaining(&self) -> Duration {
        let remaining = [self.lease, self.hedge].map(|slot| slot.map(|holder| holder.remaining));
        remaining.into_iter().flatten().min().unwrap_or_default()
    }
}

/// The holder of a slot: a part of [`Held`], which has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The holder's token. A caller that was told this token before its own load began may finish that
    /// load by it.
    pub token: Token,
    /// What is left of the slot's term.
    pub remaining: Duration,
}

impl Holder {
    /// The flight of `token`, whose term ends in `remaining`.
    pub fn new(token: Token, remaining: Duration) -> Self {
        Self { token, remaining }
    }
}
