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
    /// An invalidation deletes the entry and leaves the lock.
    pub(crate) leave_lock: bool,
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
        acquire_blindly: false,
        fill_unanswered: false,
        ask_again: false,
        forget_lock: false,
        share_errors: false,
        ordered: false,
    };
}

/// How much of everything there is in the runs that are explored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Calls: the first two in one process, the others in another.
    pub(crate) callers: u8,
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
    /// How often a caller runs tired of waiting, or a load takes so long that its lease is not
    /// renewed any more.
    pub(crate) guest: u8,
    /// Whether a reader may be drawn to refresh a valid entry.
    pub(crate) early: bool,
}
