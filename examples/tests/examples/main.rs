//! Each example is run, and does what it says.

mod axum_service;
mod printed;
mod service;
