//! The live page (`cargo run --release --bin demo`) in a headless Chromium: how the page looks, and that each button
//! does what it says, asked of the processes and of Redis and not of the page alone.
//!
//! Each test starts a browser and a demo of its own, one after another, because either keeps a processor busy.

mod browser;
mod buttons;
mod ends;
mod guard;
mod http;
mod keyboard;
mod look;
mod opened;
mod processes;
mod service;
mod visit;
