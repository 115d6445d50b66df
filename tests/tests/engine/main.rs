//! The engine and its stores, promise by promise.
//!
//! One program: every file here would cost a link of its own.

mod cancellation;
mod handover;
mod invalidation;
mod memory_bounds;
mod options;
mod parked_callers;
mod python_features;
mod recursion;
mod round_trips;
mod store_contract;
