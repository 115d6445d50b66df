//! The server's own words, where they may be shown.

use redis::RedisError;

/// Of the words, no more is shown than these characters.
const MOST: usize = 200;

/// What the server said, without arguments, if that holds none of the `secrets`.
pub(super) fn words<'a>(error: &'a RedisError, secrets: &[&str]) -> Option<&'a str> {
    let said = error.detail()?;
    let said = without_arguments(said);
    let fits = !said.is_empty() && said.len() <= MOST && !said.contains(char::is_control);
    (fits && !hold(said, secrets)).then_some(said)
}

/// What a server said without the arguments of the command, which it quotes of a command that it does not know: they
/// may hold a key or a password.
pub(super) fn without_arguments(said: &str) -> &str {
    let words = said.split(", with args beginning with").next().unwrap_or_default();
    words.trim().trim_end_matches(['.', ':'])
}

/// Whether `text` holds one of the `secrets`.
pub(super) fn hold(text: &str, secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret))
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, RedisError};

    use super::*;

    fn said(detail: &str, secrets: &[&str]) -> Option<String> {
        let error = RedisError::from((ErrorKind::Extension, "", detail.to_owned()));
        words(&error, secrets).map(str::to_owned)
    }

    #[test]
    fn words_with_a_secret_are_not_shown() {
        assert_eq!(
            said("DB index is out of range", &["s3cret", ""]).unwrap(),
            "DB index is out of range"
        );
        assert_eq!(said("invalid password s3cret", &["user", "s3cret"]), None);
        let unknown = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 's3cret'";
        assert_eq!(said(unknown, &[]).unwrap(), "unknown command 'HELLO'");
        assert_eq!(said(&"x".repeat(201), &[]), None);
        assert_eq!(said("two\nlines", &[]), None);
    }
}
