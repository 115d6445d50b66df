//! Redis as it is run at scale: a cluster.
//!
//! One program: every file here would cost a link of its own. `CACHEFENCE_LONG=1` runs the long forms.

mod built;
mod failover;
mod many;
mod migrating;
mod moves;
mod pushes;
mod redirects;
mod serves;
mod tls;
