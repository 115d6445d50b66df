//! Addresses: what the URL of a server says.
//!
//! The client reads URLs too, but its errors may quote them, and with them the password. So each mistake is told
//! here, in words that quote nothing.

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisError};

use crate::error::InvalidOption;

/// The parts of a server's URL.
pub(super) struct Address {
    pub(super) server: ConnectionAddr,
    /// The user, the password, the database and the protocol.
    pub(super) login: RedisConnectionInfo,
    /// Whether the URL asks for TLS.
    pub(super) tls: bool,
}

const FORMS: &str = "`redis://[user:password@]host[:port][/db]`, the same with `rediss://` for TLS, or \
                     `unix:///path/to/socket[?db=0]`";

const ESCAPES: &str = "in a user or password write `%23` for `#`, `%2F` for `/`, `%3F` for `?`, `%40` for `@` and `%25` for `%`";

impl Address {
    /// Reads `url`; does no I/O.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidOption> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let tls = match scheme.as_deref() {
            Some("redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix") => false,
            Some("rediss" | "valkeys") => true,
            _ => return Err(invalid(format!("has an unknown scheme: write {FORMS}"))),
        };
        let Some(mut parsed) = redis::parse_redis_url(url) else {
            return Err(invalid(format!("is not a usable URL: write {FORMS}; {ESCAPES}")));
        };
        match parsed.fragment() {
            None => {}
            Some("insecure") => {
                return Err(invalid(
                    "asks for TLS that does not verify the server (`#insecure`), which protects from nobody: \
                     leave that out, and trust the authority that signed the server's certificate with \
                     `Tls::ca_pem`",
                ));
            }
            Some(_) => {
                return Err(invalid(format!(
                    "has a part after `#`, which means nothing: {ESCAPES}"
                )));
            }
        }
        // TLS is ours, so the client is not to know of it.
        if tls && parsed.set_scheme("redis").is_err() {
            return Err(invalid(format!("is not a usable URL: write {FORMS}")));
        }
        let info = parsed.into_connection_info().map_err(|error| refused(&error))?;
        let login = info.redis_settings().clone();
        Ok(Self { server: info.addr().clone(), login, tls })
    }
}

/// Why the client refused a URL, by its fixed words, which are looked at and not passed on.
fn refused(error: &RedisError) -> InvalidOption {
    let words = error.to_string();
    let told = |word: &str| words.contains(word);
    invalid(if told("database number") {
        "names a database that is not a number: write `/0` after the host, or `?db=0` after a socket's path".to_owned()
    } else if told("UTF-8") {
        format!("has a user or password that is not UTF-8: {ESCAPES}")
    } else if told("hostname") {
        format!("names no host: write {FORMS}")
    } else if told("wildcard") {
        "names an address to listen on (0.0.0.0 or ::), to which nobody can connect: write the server's own, such as \
         127.0.0.1"
            .to_owned()
    } else if told("path") {
        "names no socket: write `unix:///path/to/socket`".to_owned()
    } else if told("protocol") {
        "has a `protocol` that is unknown: leave it out".to_owned()
    } else {
        format!("is not a usable URL: write {FORMS}")
    })
}

fn invalid(problem: impl Into<std::borrow::Cow<'static, str>>) -> InvalidOption {
    InvalidOption::new("redis", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> String {
        match Address::parse(url) {
            Ok(Address { server, login, tls }) => {
                let (user, password) = (login.username(), login.password());
                format!("{server} {user:?} {password:?} {} {tls}", login.db())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_scheme_is_read() {
        assert_eq!(parse("redis://h"), "h:6379 None None 0 false");
        assert_eq!(parse("REDIS://u:p%40@h:1/2"), "h:1 Some(\"u\") Some(\"p@\") 2 false");
        assert_eq!(parse("valkey://:p@[::1]:1"), "::1:1 None Some(\"p\") 0 false");
        for scheme in ["unix", "redis+unix", "valkey+unix"] {
            let url = format!("{scheme}:///s?db=3&user=u&pass=p");
            assert_eq!(parse(&url), "/s Some(\"u\") Some(\"p\") 3 false");
        }
        for scheme in ["rediss", "valkeys", "RedisS"] {
            let url = format!("{scheme}://u:p@h:6380/1");
            assert_eq!(parse(&url), "h:6380 Some(\"u\") Some(\"p\") 1 true");
        }
    }

    #[test]
    fn each_mistake_is_told_without_the_secret() {
        for (url, told) in [
            ("s3cret@h:6379", "unknown scheme"),
            ("http://u:s3cret@h", "unknown scheme"),
            ("s3cret://h", "unknown scheme"),
            ("redis://u:s3cret#x@h", "%23"),
            ("redis://u:s3cret@[", "%23"),
            ("redis://u:s3cret@h:port", "%23"),
            ("redis://u:s3cret@h#s3cret", "%23"),
            ("rediss://u:s3cret@h#insecure", "Tls::ca_pem"),
            ("redis://u:s3cret@h/s3cret", "not a number"),
            ("redis://u:s3cret%FF@h", "not UTF-8"),
            ("redis://", "no host"),
            ("redis://u:s3cret@0.0.0.0", "127.0.0.1"),
            ("unix:s3cret", "unknown scheme"),
            ("unix:///s?pass=s3cret&db=s3cret", "not a number"),
            ("unix://?pass=s3cret", "no socket"),
            ("redis://u:s3cret@h?protocol=s3cret", "protocol"),
        ] {
            let error = parse(url);
            assert!(error.contains(told), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
    }
}
