//! Faults that are really injected: what each costs a caller, and how it heals.
//!
//! One program: every file here would cost a link of its own. `CACHEFENCE_LONG=1` runs the long forms.

mod desk;
mod one_timeout;
mod outages;
mod timings;
