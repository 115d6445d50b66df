//! One pair of argument tuples, and what must hold of their keys.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cachefence::Entry;

use crate::args::Args;
use crate::dice::Dice;
use crate::read;

/// Renders `pairs` pairs of different tuples by `entry`, whose template has `literals` around its
/// parts; equal tuples that come up on the way have to have one key.
///
/// # Errors
///
/// The first pair that breaks a rule.
pub(crate) fn check<A: Args, T>(
    dice: &mut Dice,
    pairs: u64,
    literals: &[&str],
    entry: impl Fn(&A) -> Entry<T>,
) -> Result<(), String> {
    let mut left = pairs;
    while left > 0 {
        let first = A::roll(dice);
        let mut second = first.clone();
        while second == first {
            second.nudge(dice);
            if dice.one_in(8) {
                second = A::roll(dice);
            }
            // Values may be equal and yet not the same, such as a moment with another offset.
            if second == first && entry(&second).key() != entry(&first).key() {
                return Err(format!("{first:?} and {second:?} are equal and share no key"));
            }
        }
        let (one, other) =
            (rendered(&first, literals, &entry)?, rendered(&second, literals, &entry)?);
        if one.key() == other.key() {
            return Err(format!("{first:?} and {second:?} share {:?}", one.key()));
        }
        // Asking costs as much as all the rest, so half of them are asked.
        usable(&other).map_err(|error| format!("{second:?} gives {:?}: {error}", other.key()))?;
        left -= 1;
    }
    Ok(())
}

/// A companion, and how its keys end.
pub(crate) type Function<A, T> = (fn(&A) -> Entry<T>, String);

/// Renders `pairs` tuples by one of `functions` each, whose keys begin with `literals` and end as is said; none may be read back as a
/// key of another.
///
/// # Errors
///
/// The first one that can.
pub(crate) fn check_apart<A: Args, T>(
    dice: &mut Dice,
    pairs: u64,
    literals: &[&str],
    functions: &[Function<A, T>],
) -> Result<(), String> {
    for _ in 0..pairs {
        let args = A::roll(dice);
        let one = dice.index(functions.len());
        let other = (one + 1 + dice.index(functions.len() - 1)) % functions.len();
        let ((entry, _), (_, end)) = (&functions[one], &functions[other]);
        let key = entry(&args).key().to_owned();
        let literals = [literals, &[end]].concat();
        let read = read::parts(&key, &literals).and_then(|parts| A::read(&parts));
        if read.is_some() {
            return Err(format!(
                "{args:?} gives {key:?}, which a function whose keys end in {end:?} has for {read:?}"
            ));
        }
    }
    Ok(())
}

/// The entry of `args`, whose key can be read back and is no lock's name.
fn rendered<A: Args, T>(
    args: &A,
    literals: &[&str],
    entry: impl Fn(&A) -> Entry<T>,
) -> Result<Entry<T>, String> {
    let entry = entry(args);
    let key = entry.key();
    let back = read::parts(&read::unmarked(key), literals).and_then(|parts| A::read(&parts));
    if back.as_ref() != Some(args) {
        return Err(format!("{args:?} gives {key:?}, which reads as {back:?}"));
    }
    if read::is_lock(key) {
        return Err(format!("{args:?} gives {key:?}, which is a lock's name"));
    }
    if read::locks_of(key).iter().any(|lock| read::slot(key) != read::slot(lock)) {
        return Err(format!("{args:?} gives {key:?}, whose locks are in another slot"));
    }
    Ok(entry)
}

/// Whether the library takes the key: an operation that needs it does not fail.
fn usable<T>(entry: &Entry<T>) -> Result<(), String> {
    let mut invalidate = pin!(entry.invalidate());
    match invalidate.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map_err(|error| error.to_string()),
        Poll::Pending => Err("a store in memory answers at once".to_owned()),
    }
}
