//! An annotated function is called like its plain twin, whatever its signature looks like.
//!
//! Each test has a function without the attribute and the same function with it. The annotated one gives what the
//! plain one gives, and the second time it does so without running its body.

// The twins are what users write: bodies that await nothing, arguments that are larger than they need to be.
#![allow(
    clippy::boxed_local,
    clippy::large_futures,
    clippy::needless_pass_by_value,
    clippy::ptr_arg,
    clippy::trivially_copy_pass_by_ref,
    clippy::unused_async,
    clippy::unused_self
)]
#![allow(non_local_definitions)] // each test has the methods that it is about

mod arguments;
mod boxed_futures;
mod errors;
mod functions;
mod generics;
mod hidden_lifetimes;
mod lints;
mod methods;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use cachefence::cachefence;
use cachefence_tests::{assert_twins, ran};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the methods below belong to.
#[derive(Debug, Clone, PartialEq)]
struct Tenant {
    id: u64,
    reads: u64,
}

const TENANT: Tenant = Tenant { id: 7, reads: 0 };
