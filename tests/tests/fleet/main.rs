//! Several processes on one real Redis, and the harness that starts, stops and kills them.

mod board;
mod contract;
mod harness;
mod leases;
mod outage;
mod schedules;
mod store;
mod sums;
