//! Loading a value, or waiting for the call that does.
//!
//! [`decide`] says how a call goes on after its read, and each step says how it goes on after that step
//! ([`next`]): to lead a load under a lease ([`lead`], then [`run`], then [`ending`]), to [`join`] a
//! load, to load as a [`guest`] without a lease, to run its [`own`] body for itself only, or to read
//! again. [`serve`] takes these steps in turn until the call is served. [`background`] has a task load
//! instead of a call.

pub(super) mod background;
mod backoff;
pub(super) mod decide;
mod ending;
mod guest;
mod join;
pub(super) mod lead;
pub(super) mod limits;
pub(super) mod next;
mod own;
pub(super) mod recursion;
mod run;
pub(super) mod serve;
