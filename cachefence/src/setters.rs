//! The setters that several types share, each defined once: a cache's builder, an entry and a call of an
//! annotated function have the same options.

/// Setters of a [`Policy`](crate::options::Policy), for a type with a `policy_mut` and a `within_bounds`, which is told
/// whether what was just set is within bounds. So a call of an annotated function, which sets its options each time, checks
/// only those that it sets, and nothing where the compiler knows the value.
macro_rules! policy_setters {
    () => {
        /// How eagerly values are refreshed before they expire: the factor of the recompute's duration in
        /// `XFetch`. 1 by default, as in the paper; more is earlier, 0 is never. It must be finite, and
        /// not negative.
        pub fn beta(mut self, beta: f64) -> Self {
            self.policy_mut().beta = beta;
            self.within_bounds(bounds::BETA.allow(&beta))
        }

        /// How long a load's lease lasts. While the recompute runs, the lease is renewed every third of
        /// this. 2 seconds by default; between 1 ms and 2^53 ms.
        ///
        /// A process that dies in a load blocks the key for others no longer than this.
        pub fn lock_timeout(mut self, timeout: Duration) -> Self {
            self.policy_mut().lock_timeout = timeout;
            self.within_bounds(bounds::LOCK_TIMEOUT.allow(&timeout))
        }

        /// How long a caller waits for somebody else's load. 5 seconds by default; zero is not at all, and
        /// 2^53 ms is the most.
        ///
        /// When a load has taken this long, one caller in the whole fleet loads beside it, under a second lease, and
        /// whichever ends first is stored. The others wait for either, for as long again; then each process runs one
        /// recompute of its own for the key, and the first that ends is stored.
        pub fn wait_for_lock(mut self, longest: Duration) -> Self {
            self.policy_mut().wait_for_lock = longest;
            self.within_bounds(bounds::WAIT_FOR_LOCK.allow(&longest))
        }

        /// For how long after its ttl a value is still served while one caller loads it anew
        /// (`stale-while-revalidate`, RFC 5861, section 3). Zero by default: never. At most 2^52 ms, and 2^53 ms together
        /// with the ttl.
        ///
        /// The caller that loads waits for its own recompute, unless loads are
        /// [detached](crate::Entry::get_or_set_detached); the others do not wait.
        pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
            self.policy_mut().stale.while_revalidate = window;
            self.within_bounds(bounds::STALE_WHILE_REVALIDATE.allow(&window))
        }

        /// For how long after its ttl a value is served instead of an error when the recompute fails
        /// (`stale-if-error`, RFC 5861, section 4). Zero by default: never. At most 2^52 ms, and 2^53 ms together
        /// with the ttl.
        ///
        /// After a failure nobody in the fleet tries again before
        /// [`retry_after`](crate::Builder::retry_after). With any stale window, an early refresh that
        /// fails costs its caller nothing either.
        pub fn stale_if_error(mut self, window: Duration) -> Self {
            self.policy_mut().stale.if_error = window;
            self.within_bounds(bounds::STALE_IF_ERROR.allow(&window))
        }

        /// How long a recompute is waited for where there is a value to serve instead: one that is valid,
        /// or within a stale window. Without such a value the caller waits for the recompute however long
        /// it takes. No limit by default; between 1 ms and 2^53 ms.
        ///
        /// A recompute that is cut short this way is dropped, is told as a swallowed error, and is not tried
        /// again for `retry_after`; one that is
        /// [detached](crate::Entry::get_or_set_detached) goes on.
        pub fn recompute_timeout(mut self, limit: Duration) -> Self {
            self.policy_mut().recompute_timeout = Some(limit);
            self.within_bounds(bounds::RECOMPUTE_TIMEOUT.allow(&limit))
        }

        /// By which share a ttl is shortened at most, at random, so that values that were stored together
        /// do not expire together. From 0 to 1; 0 by default.
        pub fn jitter(mut self, share: f64) -> Self {
            self.policy_mut().jitter = share;
            self.within_bounds(bounds::JITTER.allow(&share))
        }
    };
}

/// Setters of a [`Lifetime`](crate::lifetime::Lifetime) of a `T`, for a type with a `lifetime_mut` and a
/// `within_bounds`. A ttl is checked when it is used, because a call may have none and because its bound depends on the stale
/// windows.
macro_rules! lifetime_setters {
    () => {
        /// How long a value is valid once it is stored. Required wherever a value may be stored; between
        /// 1 ms and 2^53 ms.
        pub fn ttl(mut self, ttl: Duration) -> Self {
            self.lifetime_mut().ttl = Some(ttl);
            self
        }

        /// Computes the ttl of each value from the value itself; this takes precedence over
        /// [`ttl`](Self::ttl).
        ///
        /// A value whose ttl is zero is served and not cached. So is, with a warning, one whose ttl is
        /// not between 1 ms and 2^53 ms.
        pub fn ttl_of(mut self, ttl_of: fn(&T) -> Duration) -> Self {
            self.lifetime_mut().ttl_of = Some(ttl_of);
            self
        }

        /// The ttl of a `None`, which takes precedence over [`ttl`](Self::ttl) and
        /// [`ttl_of`](Self::ttl_of), with the same bounds as [`ttl`](Self::ttl).
        pub fn negative_ttl(mut self, ttl: Duration) -> Self
        where
            T: Negative,
        {
            self.lifetime_mut().negative = Some((T::is_negative, ttl));
            self.within_bounds(bounds::NEGATIVE_TTL.allow_with_any_window(ttl))
        }
    };
}

pub(crate) use {lifetime_setters, policy_setters};
