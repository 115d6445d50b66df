//! The engine and its stores, promise by promise.
//!
//! One program: every file here would cost a link of its own.

mod cancellation;
mod codecs;
mod detached;
mod disabled;
mod failing_leaders;
mod force_refresh;
mod handover;
mod inspected;
mod invalidation;
mod invalidation_of_many;
mod lifetimes;
mod load_contract;
mod memory_bounds;
mod observed;
mod one_budget;
mod one_decode;
mod option_bounds;
mod options;
mod parked_callers;
mod pending_invalidations;
mod python_features;
mod reads_that_leave_together;
mod recursion;
mod round_trips;
mod stale_joiners;
mod stale_windows;
mod starved_runtime;
mod store_contract;
mod two_releases;
mod waiting_together;
mod wake_up;
mod watches;
