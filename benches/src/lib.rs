//! cachefence beside its peers: one machine, one run, one value type.
//!
//! Every subject runs in a process of its own (`src/bin/worker.rs`) that does what it is told on its standard input;
//! `src/bin/bench.rs` drives them, in turns, and writes the tables and plots.

pub mod allocations;
pub mod callgrind;
pub mod cpu;
pub mod driver;
pub mod lab;
pub mod loader;
pub mod protocol;
pub mod report;
pub mod runtime;
pub mod scenario;
pub mod statistics;
pub mod subject;
pub mod value;
pub mod worker;
