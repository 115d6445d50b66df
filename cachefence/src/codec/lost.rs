//! Why a format cannot hold a value.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::ser;

/// How deep lists, maps, structs and variants may be nested: as deep as `serde_json` decodes.
pub(super) const DEEPEST: usize = 127;

pub(super) const TOO_DEEP: Lost = Lost::because(
    "it is nested more than 127 levels deep, and could not be decoded; nest less, or store its parts in a list",
);

/// Why a value could not be decoded as it was.
#[derive(Debug)]
pub(super) struct Lost(Cow<'static, str>);

impl Lost {
    /// A reason that is the format's, and so says nothing of the value.
    pub(super) const fn because(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }

    /// The reason, unless it is an error of the value's own.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.0 {
            Cow::Borrowed(reason) => Some(reason),
            Cow::Owned(_) => None,
        }
    }
}

impl Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

impl ser::Error for Lost {
    fn custom<T: Display>(message: T) -> Self {
        Self(Cow::Owned(message.to_string()))
    }
}
