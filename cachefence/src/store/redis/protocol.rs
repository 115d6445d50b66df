//! The steps of the protocol, whichever way the server takes them: as `scripts` or as `transactions`.
//!
//! What a step does is said by [`Store`](crate::store::Store). Here is what both ways have in common: the
//! form of a request and its reply, and what stands in a slot.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::failure::Failure;
use super::link::Link;
use super::server::Server;
use crate::codec::CodecId;
use crate::key::Key;
use crate::store::{Acquire, Held, Holder, Revision, Timestamp, Token};

/// A way to take the steps, each of which is atomic over an entry and its slots.
///
/// The futures are boxed, because which way a server allows is known only after its first refusal. No hit
/// takes a step.
pub(super) trait Protocol: Sync {
    fn acquire<'a>(
        &'a self,
        target: Target<'a>,
        request: &'a Acquire<'a>,
    ) -> Step<'a, (Reply, Option<Timestamp>)>;

    fn renew<'a>(&'a self, target: Target<'a>, token: Token, term: Duration) -> Step<'a, bool>;

    fn finish<'a>(
        &'a self,
        target: Target<'a>,
        tokens: &'a [Token],
        ending: &'a Ending,
    ) -> Step<'a, bool>;
}

pub(super) type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Where a step is taken: the server, the connections to use, and the key.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) link: &'a Arc<Link>,
    pub(super) key: &'a Key,
    pub(super) codec: CodecId,
}

/// The answer to an acquire.
pub(super) enum Reply {
    Lease,
    Newer(Vec<u8>),
    Held(Held),
}

/// The end of a load, in bytes. What its outcome has no use for is empty or zero.
#[derive(Clone)]
pub(super) struct Ending {
    pub(super) how: How,
    /// The entry to be written, and how long the server is to keep it.
    pub(super) entry: Bytes,
    pub(super) life: Duration,
    /// What changes in an entry that is not to be loaded anew for a while.
    pub(super) revision: Revision,
    pub(super) retry_at: Timestamp,
    /// When the load ended. A value that is valid then is not overwritten by a mark.
    pub(super) now: Timestamp,
}

/// How a load ends; see `finish.lua`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum How {
    Store,
    Mark,
    Postpone,
    Release,
}

/// What a slot holds that is taken for `term`: the script's `token .. ':' .. term`.
pub(super) fn slot(token: Token, term: Duration) -> String {
    format!("{token}:{}", millis(term))
}

/// The holder of a slot under whose name `value` stands, for `left` more milliseconds. The slot is free
/// if it holds something else, has no end, or ends later than its term allows.
pub(super) fn holder(value: Option<&[u8]>, left: Option<i64>) -> Option<Holder> {
    let (token, term) = std::str::from_utf8(value?).ok()?.split_once(':')?;
    let token = token.parse().ok().filter(|_| token.len() == 36)?;
    let term = Some(term).filter(|term| term.bytes().all(|byte| byte.is_ascii_digit()))?;
    let left = u64::try_from(left?).ok()?;
    (left <= term.parse().ok()?).then(|| Holder::new(token, Duration::from_millis(left)))
}

/// Whether `value`, found under a slot's name, holds one of `tokens`.
pub(super) fn holds_any(value: Option<&[u8]>, tokens: &[Token]) -> bool {
    let holds =
        |value: &[u8]| tokens.iter().any(|token| value.starts_with(format!("{token}:").as_bytes()));
    value.is_some_and(holds)
}

/// A duration in whole milliseconds, which the bounds of the options keep above zero and within Redis's
/// reach.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: &[u8] = b"01234567-89ab-4def-8123-456789abcdef:2000";

    #[test]
    fn a_slot_is_held_for_what_is_left_of_its_term() {
        let left = |value, left| holder(Some(value), Some(left)).map(|holder| holder.remaining);
        assert_eq!(left(HELD, 0), Some(Duration::ZERO));
        assert_eq!(left(HELD, 2_000), Some(Duration::from_secs(2)));
        for (value, ms) in [
            (HELD, -1),
            (HELD, 2_001),
            (&HELD[..36], 1),
            (&HELD[..37], 1),
            (b"0123456789ab4def8123456789abcdef:2000", 1),
            (b"01234567-89ab-4def-8123-456789abcdef:+2000", 1),
            (b"01234567-89ab-4def-8123-456789abcdef:2000 ", 1),
            (b"garbage:2000", 1),
        ] {
            assert_eq!(left(value, ms), None, "{ms}: {}", value.escape_ascii());
        }
        assert_eq!(holder(None, Some(1)), None);
    }

    #[test]
    fn a_slot_holds_the_token_that_was_put_there() {
        let token: Token = "01234567-89ab-4def-8123-456789abcdef".parse().unwrap();
        let other: Token = "11234567-89ab-4def-8123-456789abcdef".parse().unwrap();
        assert_eq!(slot(token, Duration::from_secs(2)).as_bytes(), HELD);
        assert!(holds_any(Some(HELD), &[other, token]));
        assert!(!holds_any(Some(HELD), &[other]));
        assert!(!holds_any(Some(&HELD[..36]), &[token]) && !holds_any(None, &[token]));
    }
}
