//! Faults that are really injected: what each costs a caller, and how it heals.
//!
//! One program: every file here would cost a link of its own. `CACHEFENCE_LONG=1` runs the long forms.

mod acl_rules;
mod bad_data;
mod built;
mod callers;
mod connections;
mod credentials;
mod dialing;
mod failover;
mod fleets;
mod invalidations;
mod lanes;
mod lifetimes;
mod links;
mod lost_operations;
mod mixed_up_replies;
mod one_timeout;
mod outages;
mod refusals;
mod secrets;
mod sentinel;
mod server_clocks;
mod starved_loads;
mod timings;
mod tls;
mod told;
mod transactions;
mod tried_again;
mod wall_clocks;
