//! Reading an entry, once for many callers.
//!
//! [`shared`] is one call's read. [`slots`] says who reads a key now and who waits for its next read, and
//! [`hints`] how a key with many readers is read best. [`next`] waits for a next read, and [`send`] sends
//! a read. The result of a read ([`found`]) may be given to the callers that came before the read was
//! sent, and to nobody else.

pub(super) mod found;
mod hints;
mod next;
pub(super) mod send;
pub(super) mod shared;
pub(super) mod slots;
#[cfg(test)]
mod slots_tests;
