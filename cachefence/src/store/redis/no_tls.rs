//! TLS without the feature `tls`: no connector can be made.

use std::io;

use super::stream::{Socket, Stream};
use crate::error::InvalidOption;

pub(super) enum Connector {}

#[allow(clippy::unused_async)] // as with the feature
impl Connector {
    pub(super) fn to(&self, _: &str) -> Result<Self, InvalidOption> {
        match *self {}
    }

    pub(super) async fn connect(&self, _: Socket) -> Result<Stream, String> {
        match *self {}
    }

    pub(super) fn explain(&self, _: &io::Error) -> Option<String> {
        match *self {}
    }

    pub(super) fn demands(&self) -> String {
        match *self {}
    }
}
