//! What the attribute makes of a function, with every function in one process.
//!
//! No cache is installed here: functions that name none share the process's stand-in, so their keys differ. `installed`
//! is a process of its own, since a cache is installed for a whole process.

mod behaviour;
mod bodies;
mod by_hand;
mod comes_back;
mod concurrency;
mod detached;
mod in_a_static;
mod not_installed;
mod returns;
mod scope;
mod scoped_caches;
mod shapes;
mod stack;
