//! Advice: what to do about what a server refuses, and which of its words may be passed on.

use redis::RedisError;

use super::words::{hold, without_arguments};

/// What to do about a write that was refused with `code`; empty where nothing more is known.
pub(super) fn on(code: &str) -> &'static str {
    match code {
        "OOM" => {
            " (its memory is used up: raise `maxmemory`, or set `maxmemory-policy` to allkeys-lfu or allkeys-lru)"
        }
        "READONLY" => " (it is a replica: give the address of the primary)",
        "MISCONF" => " (it cannot save its data: look at its disk and its log)",
        "NOREPLICAS" => " (it has fewer replicas than `min-replicas-to-write` asks for)",
        _ => "",
    }
}

/// What a server says of a command: its code and its words, without the arguments that it may quote. Empty if it says
/// nothing, or one of the `secrets`.
pub(super) fn words(error: &RedisError, secrets: &[&str]) -> String {
    let (Some(code), Some(detail)) = (error.code(), error.detail()) else { return String::new() };
    let said = format!("{code} {}", without_arguments(detail));
    if hold(&said, secrets) { String::new() } else { said }
}

/// Whether a server forbids the keys of a command, and not the command, by these words: of a command it gives the name
/// in quotes.
pub(super) fn names_keys(words: &str) -> bool {
    !words.contains('\'') && words.contains("key")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(words(&reply.extract_error().unwrap_err(), &[]), said);
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
