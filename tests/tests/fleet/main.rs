//! Several processes on one real Redis, and the harness that starts, stops and kills them.

mod harness;
mod leases;
mod schedules;
