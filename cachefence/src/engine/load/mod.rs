//! Loading a value, or waiting for the call that does.
//!
//! [`decide`] says how a call goes on after its read, and each step says how it goes on after that step
//! ([`next`]): to lead a load under a lease ([`lead`], then [`run`], then [`ending`]), to [`join`] a
//! load, to lead a hedge beside one that hangs, to load as a [`guest`] of those who hold the lease, to run its
//! [`own`] body, or to read again. [`serve`] takes these steps in turn until the call is served. [`detached`] has a task take these steps
//! in place of a call.

mod backoff;
pub(super) mod crowds;
pub(super) mod decide;
pub(super) mod detached;
mod ending;
mod guest;
pub(super) mod holders;
mod join;
pub(super) mod kept;
pub(super) mod lead;
pub(super) mod limits;
pub(super) mod next;
mod own;
pub(super) mod recursion;
mod run;
pub(super) mod serve;
pub(super) mod task;
