//! Which protocol is checked, and how much happens in it.

/// The protocol. [`Rules::RIGHT`] is the one that keeps its promises; every other value of a field
/// breaks one of its rules.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is one rule
pub(crate) struct Rules {
    /// A fill is written whatever the lock holds.
    pub(crate) fill_unconditionally: bool,
    /// All flights of a process have one token.
    pub(crate) token_per_process: bool,
    /// A flight can be joined until its fill is answered, not only until its recompute returns.
    pub(crate) join_until_filled: bool,
    /// Joiners are given a value that the store refused, whenever they called.
    pub(crate) share_refused: bool,
    /// A caller is given the result of a read that was sent before its call.
    pub(crate) share_earlier_read: bool,
    /// An invalidation deletes the entry and leaves both slots.
    pub(crate) leave_lock: bool,
    /// An invalidation that is repeated after a failover does.
    pub(crate) leave_lock_again: bool,
    /// An acquire does not look at the entry.
    pub(crate) acquire_blindly: bool,
    /// A recompute that began after an acquire failed is stored under the token of that acquire.
    pub(crate) fill_unanswered: bool,
    /// A lease that may be held already is asked for again with the same token, and given again.
    pub(crate) ask_again: bool,
    /// A flight that is told of a newer entry forgets that it may hold the lock already.
    pub(crate) forget_lock: bool,
    /// A recompute's error goes to all who joined, whatever became of its lease.
    pub(crate) share_errors: bool,
    /// Requests about one token reach the server in the order in which they were sent.
    pub(crate) ordered: bool,
    /// A store by the lease leaves the hedge where it is.
    pub(crate) leave_hedge: bool,
    /// A store by the hedge leaves the lease where it is.
    pub(crate) leave_lease: bool,
    /// What was loaded under the hedge is written whatever the slots hold.
    pub(crate) unfenced_hedge: bool,
    /// An invalidation leaves the hedge.
    pub(crate) hedge_outlives_invalidation: bool,
    /// The hedge is given to whoever asks for it, though another holds it.
    pub(crate) hedge_over_hedge: bool,
    /// An acquire of the hedge does not look at the entry.
    pub(crate) hedge_blindly: bool,
    /// A mark is written whatever the slots hold.
    pub(crate) unfenced_mark: bool,
    /// A mark leaves the slots that its flight does not hold.
    pub(crate) mark_own_slot: bool,
    /// A waiting caller is told that a slot is held and not by whom, so it cannot tell that a load has ended
    /// in nothing.
    pub(crate) held_without_tokens: bool,
    /// A renewal writes the token into the slot, whatever that holds.
    pub(crate) renew_by_set: bool,
    /// Who waits for the holders of both slots waits for ever.
    pub(crate) no_second_limit: bool,
    /// A guest learns when its body has ended by whose tokens it may store.
    pub(crate) late_guest: bool,
    /// What a guest's body returned goes to all who wait for it then.
    pub(crate) share_guests_value: bool,
    /// An invalidation leaves the entry to be served within stale windows.
    pub(crate) leave_stale: bool,
    /// A `set` stores without having seized the lease.
    pub(crate) set_unfenced: bool,
    /// An invalidation counts though a failover has lost it: the promise of a single primary.
    pub(crate) count_lost: bool,
}

impl Rules {
    /// Holds whatever becomes of a request: executed, lost, or executed after all later ones.
    pub(crate) const RIGHT: Self = Self {
        fill_unconditionally: false,
        token_per_process: false,
        join_until_filled: false,
        share_refused: false,
        share_earlier_read: false,
        leave_lock: false,
        leave_lock_again: false,
        acquire_blindly: false,
        fill_unanswered: false,
        ask_again: false,
        forget_lock: false,
        share_errors: false,
        ordered: false,
        leave_hedge: false,
        leave_lease: false,
        unfenced_hedge: false,
        hedge_outlives_invalidation: false,
        hedge_over_hedge: false,
        hedge_blindly: false,
        unfenced_mark: false,
        mark_own_slot: false,
        held_without_tokens: false,
        renew_by_set: false,
        no_second_limit: false,
        late_guest: false,
        share_guests_value: false,
        leave_stale: false,
        set_unfenced: false,
        count_lost: false,
    };
}

/// A bound on something that is never used up.
pub(crate) const UNBOUNDED: u8 = u8::MAX;

/// Takes one of what is left.
pub(crate) fn spend(left: &mut u8) {
    if *left != UNBOUNDED {
        *left -= 1;
    }
}

/// How much of everything there is in the runs that are explored.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is one thing that there is, or not
pub(crate) struct Bounds {
    /// Calls: the first two in one process, the third in another.
    pub(crate) callers: u8,
    /// The first call has no other beside it in its process: the second is in another.
    pub(crate) apart: bool,
    /// Changes of the database, each followed by an invalidation.
    pub(crate) commits: u8,
    /// How often an entry may end by itself.
    pub(crate) expiries: u8,
    /// How often a lease may end before its flight gives it back.
    pub(crate) lapses: u8,
    /// Callers that are dropped.
    pub(crate) drops: u8,
    /// Processes that die.
    pub(crate) crashes: u8,
    /// Store operations that fail for their caller, whatever the server did, and recomputes that
    /// fail.
    pub(crate) failures: u8,
    /// Recomputes that fail, besides those.
    pub(crate) errors: u8,
    /// How often a caller runs tired of waiting, or a load takes so long that its lease is not
    /// renewed any more.
    pub(crate) guest: u8,
    /// Whether a reader may be drawn to refresh a valid entry.
    pub(crate) early: bool,
    /// How often a caller is tired enough of waiting to ask for a slot beside the one that is held.
    pub(crate) hedges: u8,
    /// How often a recompute returns a value that is not to be cached.
    pub(crate) marks: u8,
    /// How many recomputes never end, which are the first. Where there are such, patience is sure to end.
    pub(crate) hangs: u8,
    /// How often a value is set.
    pub(crate) sets: u8,
    /// Whether entries are kept past their ttl, to be served within stale windows.
    pub(crate) stale: bool,
    /// Whether loads run in tasks of their own.
    pub(crate) detached: bool,
    /// Whether a caller that waits for another process looks who holds the slots, and so learns that a load
    /// has ended in nothing. It then loads as a guest, as one does whose patience is over.
    pub(crate) notices: bool,
    /// How often a replica takes the server's place.
    pub(crate) failovers: u8,
    /// Whether the old server goes on, for the processes that have not heard of the failover.
    pub(crate) split: bool,
    /// How often an invalidation that a failover has lost is repeated.
    pub(crate) repeats: u8,
    /// Whether loads are counted. No valid entry is taken for one that is over then.
    pub(crate) counts: bool,
}
