//! Why a format cannot hold a value.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::ser;

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
