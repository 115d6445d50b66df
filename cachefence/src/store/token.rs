//! Tokens: the names of flights as holders of slots.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::chance::Chance;

/// Names one flight as the holder of a slot: a UUID of version 4. The token's text is the UUID's,
/// hyphenated and in lower case.
///
/// ```
/// use cachefence::store::Token;
///
/// let token: Token = "67E55044-10B1-426F-9247-BB680E5FE0C8".parse()?;
/// assert_eq!(token.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(Uuid);

impl Token {
    /// A token that no flight has had before.
    pub(crate) fn random(chance: &Chance) -> Self {
        Self(chance.uuid())
    }
}

impl From<Uuid> for Token {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<Token> for Uuid {
    fn from(token: Token) -> Self {
        token.0
    }
}

impl FromStr for Token {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
