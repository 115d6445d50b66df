//! The server's own words, where they may be shown, and what to do about them.

use redis::RedisError;

/// Of the words, no more is shown than these characters.
const MOST: usize = 200;

/// The server's words, without arguments, if they do not hold the `password`.
pub(super) fn said<'a>(error: &'a RedisError, password: &str) -> Option<&'a str> {
    let said = error.detail()?;
    let said = without_arguments(said);
    let fits = !said.is_empty() && said.len() <= MOST && !said.contains(char::is_control);
    (fits && !holds(said, password)).then_some(said)
}

/// What a server said without the arguments of the command, which it quotes of a command that it does not know: they
/// may hold a key or a password.
pub(super) fn without_arguments(said: &str) -> &str {
    let words = said.split(", with args beginning with").next().unwrap_or_default();
    words.trim().trim_end_matches(['.', ':'])
}

/// The server's code and words; empty if it said nothing, or the `password`.
pub(super) fn said_with_code(error: &RedisError, password: &str) -> String {
    match (error.code(), said(error, password)) {
        (Some(code), Some(said)) if !holds(code, password) => format!("{code} {said}"),
        _ => String::new(),
    }
}

/// Whether `text` holds the `password`.
pub(super) fn holds(text: &str, password: &str) -> bool {
    !password.is_empty() && text.contains(password)
}

/// Advice on a write that was refused with `code`; empty where nothing more is known.
pub(super) fn advice(code: &str) -> &'static str {
    match code {
        "OOM" => {
            " (its memory is used up: raise `maxmemory`, or set `maxmemory-policy` to allkeys-lfu or allkeys-lru)"
        }
        "READONLY" => " (it is a replica: give the address of the primary)",
        "MISCONF" => " (it cannot save its data: look at its disk and its log)",
        "MOVED" => {
            " (another node of the cluster holds the key: `Redis::cluster` follows such an answer, `Redis::server` does not)"
        }
        "ASK" | "TRYAGAIN" => " (the key's slot is being moved to another node of the cluster)",
        "CLUSTERDOWN" => " (the cluster does not serve the key's slot now: look at CLUSTER INFO)",
        "NOREPLICAS" => " (it has fewer replicas than `min-replicas-to-write` asks for)",
        _ => "",
    }
}

/// Whether a server forbids the keys of a command, and not the command, by these words: of a command it gives the name
/// in quotes.
pub(super) fn names_keys(words: &str) -> bool {
    !words.contains('\'') && words.contains("key")
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, RedisError};

    use super::*;

    fn shown(detail: &str, password: &str) -> Option<String> {
        let error = RedisError::from((ErrorKind::Extension, "", detail.to_owned()));
        said(&error, password).map(str::to_owned)
    }

    #[test]
    fn words_with_a_secret_are_not_shown() {
        assert_eq!(
            shown("DB index is out of range", "s3cret").unwrap(),
            "DB index is out of range"
        );
        assert_eq!(shown("DB index is out of range", "").unwrap(), "DB index is out of range");
        assert_eq!(shown("invalid password s3cret", "s3cret"), None);
        let unknown = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 's3cret'";
        assert_eq!(shown(unknown, "").unwrap(), "unknown command 'HELLO'");
        assert_eq!(shown(&"x".repeat(201), ""), None);
        assert_eq!(shown("two\nlines", ""), None);
    }

    #[test]
    fn the_words_of_a_server_hold_no_argument() {
        for (line, said) in [
            (
                "-ERR unknown command 'AUTH', with args beginning with: 's3cret' 'k' \r\n",
                "ERR unknown command 'AUTH'",
            ),
            (
                "-ERR unknown command `GET`, with args beginning with: `k`, \r\n",
                "ERR unknown command `GET`",
            ),
            ("-NOPERM this user has no permissions\r\n", "NOPERM this user has no permissions"),
        ] {
            let reply = redis::parse_redis_value(line.as_bytes()).unwrap();
            assert_eq!(said_with_code(&reply.extract_error().unwrap_err(), ""), said);
        }
    }

    #[test]
    fn a_forbidden_key_is_told_from_a_forbidden_command() {
        for (said, is_key) in [
            // Redis 6.2 and 7.0; Redis 7.2 and later, and Valkey.
            ("this user has no permissions to access one of the keys used as arguments", true),
            ("No permissions to access a key", true),
            ("this user has no permissions to run the 'get' command or its subcommand", false),
            ("User app has no permissions to run the 'set' command", false),
        ] {
            assert_eq!(names_keys(said), is_key, "{said}");
        }
    }
}
