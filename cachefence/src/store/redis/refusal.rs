//! Refusals that come as text: inside a script's reply, or inside the error of a transaction.
//!
//! Whichever way a server refuses a command, the error is the one that it gives for a command that stands by itself,
//! so that `failure` has one kind of refusal to sort.

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, parse_redis_value};

/// How servers before Redis 7.2 begin a refusal by their ACL inside a script, and how servers since then do.
const BY_ACL: [&str; 2] = ["The user executing the script can't", "ACL failure in script"];

/// What precedes the refusal of a command in the error of the transaction that the command was to be part of.
const ABORTED: &str = "Transaction discarded because of: ";

/// Whether `error` is a reply that refuses a command, and says nothing about the connection.
pub(super) fn is_one(error: &RedisError) -> bool {
    let is_reply = matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension);
    is_reply && error.code() != Some("NOAUTH")
}

/// The error of which a script tells by `text`. In Redis 7 that is the error itself, and before it is
/// `@user_script: <line>: -<error>`.
pub(super) fn in_script(text: &str) -> RedisError {
    let text = match text.strip_prefix("@user_script:").and_then(|text| text.split_once(": ")) {
        Some((_line, text)) => text,
        None => text,
    };
    let text = text.trim().trim_start_matches('-');
    let message = text.strip_prefix("ERR ").unwrap_or(text);
    if BY_ACL.iter().any(|beginning| message.starts_with(beginning)) {
        return of("NOPERM", message);
    }
    match text.split_once(' ') {
        Some((code, message)) if is_code(code) => of(code, message),
        _ => of("ERR", message),
    }
}

/// The error for which a server has discarded a transaction, if `error` tells of one.
pub(super) fn of_transaction(error: &RedisError) -> RedisError {
    let reason = match error.kind() {
        ErrorKind::Server(ServerErrorKind::ExecAbort) => {
            error.detail().and_then(|detail| detail.strip_prefix(ABORTED))
        }
        _ => None,
    };
    reason.map_or(error.clone(), in_script)
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The error that the client makes of a server's `code` and `message`.
fn of(code: &str, message: &str) -> RedisError {
    let line = message.replace(['\r', '\n'], " ");
    let parsed = parse_redis_value(format!("-{code} {line}\r\n").as_bytes());
    match parsed.and_then(Value::extract_error) {
        Err(error) => error,
        Ok(_) => (ErrorKind::Parse, "an error that is none").into(),
    }
}

/// The reply of a script, or the refusal in it as an error.
pub(super) fn accepted(reply: Value) -> RedisResult<Value> {
    match &reply {
        Value::Array(parts) => match &parts[..] {
            [Value::Int(-1), Value::BulkString(text)] => {
                Err(in_script(&String::from_utf8_lossy(text)))
            }
            _ => Ok(reply),
        },
        _ => Ok(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_and_detail(error: &RedisError) -> (Option<&str>, Option<&str>) {
        (error.code(), error.detail())
    }

    #[test]
    fn a_refusal_inside_a_script_is_the_one_outside() {
        let oom = "OOM command not allowed when used memory > 'maxmemory'.";
        for (text, code, detail) in [
            (oom, "OOM", &oom[4..]),
            (&format!("@user_script: 21: -{oom}\r\n"), "OOM", &oom[4..]),
            (&format!("-{oom}"), "OOM", &oom[4..]),
            ("READONLY You can't write.", "READONLY", "You can't write."),
            (
                "@user_script: 7: @user_script: 7: Unknown Redis command called",
                "ERR",
                "@user_script: 7: Unknown Redis command called",
            ),
            (
                "ERR The user executing the script can't run this",
                "NOPERM",
                "The user executing the script can't run this",
            ),
            (
                "@user_script: 7: The user executing the script can't access",
                "NOPERM",
                "The user executing the script can't access",
            ),
            ("ACL failure in script: no", "NOPERM", "ACL failure in script: no"),
            ("no code at all", "ERR", "no code at all"),
        ] {
            assert_eq!(code_and_detail(&in_script(text)), (Some(code), Some(detail)), "{text}");
        }
    }

    #[test]
    fn a_transaction_is_refused_for_what_its_command_is_refused() {
        let aborted = of("EXECABORT", "Transaction discarded because of: READONLY no writes");
        assert_eq!(
            code_and_detail(&of_transaction(&aborted)),
            (Some("READONLY"), Some("no writes"))
        );
        for (code, message) in
            [("EXECABORT", "for nothing"), ("OOM", "Transaction discarded because of: X y")]
        {
            let error = of_transaction(&of(code, message));
            assert_eq!(code_and_detail(&error), (Some(code), Some(message)));
        }
    }

    #[test]
    fn a_reply_is_no_refusal_unless_it_says_so() {
        let text = Value::BulkString(b"OOM no".to_vec());
        assert_eq!(
            accepted(Value::Array(vec![Value::Int(-1), text.clone()])).unwrap_err().code(),
            Some("OOM")
        );
        for reply in
            [Value::Array(vec![Value::Int(1), text.clone()]), Value::Array(Vec::new()), text]
        {
            assert_eq!(accepted(reply.clone()), Ok(reply));
        }
    }
}
