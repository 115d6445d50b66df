//! A worker: a process that runs one subject and carries out the commands of the driver.

mod beside;
mod burst;
mod expiry;
pub mod hits;
mod order;
mod serve;
mod setup;

pub use serve::run;
