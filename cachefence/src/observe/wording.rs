//! What of an error's text may stand in an event.

/// What a codec says, without what it quotes of the value: the name of a field, or what was expected.
///
/// The messages of serde are known: "missing field `name`", "invalid type: string "ann", expected u64",
/// "unknown variant `x`, expected `A` or `B`". Of any other message nothing can be told, so nothing of it is
/// passed on.
pub(super) fn without_values(message: &str) -> String {
    let message = first_line(message);
    let safe = ["missing field `", "duplicate field `", "EOF ", "trailing "];
    if safe.iter().any(|begin| message.starts_with(begin)) {
        return message.to_owned();
    }
    match message.rfind(", expected ") {
        Some(at) => message[at + 2..].to_owned(),
        None => "the codec's message may quote the value, and is left out".to_owned(),
    }
}

/// The first line of an error's text, and not more of it than a log can take.
pub(super) fn first_line(text: &str) -> &str {
    const LONGEST: usize = 500;
    let line = text.lines().next().unwrap_or_default();
    let end = (0..=LONGEST.min(line.len())).rfind(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: serde::de::DeserializeOwned>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).err().map(|error| error.to_string());
        without_values(&error.unwrap_or_default())
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only ever decoded in vain
    struct User {
        name: String,
        age: Age,
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code)]
    enum Age {
        Known(u8),
        Unknown,
    }

    #[test]
    fn what_a_codec_quotes_of_the_value_is_left_out() {
        assert_eq!(said::<User>("{}"), "missing field `name` at line 1 column 2");
        assert_eq!(said::<u64>("\"secret\""), "expected u64 at line 1 column 8");
        let age = r#"{"name": "ann", "age": "secret"}"#;
        assert_eq!(said::<User>(age), "expected `Known` or `Unknown` at line 1 column 31");
        let unknown = r#"{"secret@example.com": 1}"#;
        assert_eq!(said::<User>(unknown), "expected `name` or `age` at line 1 column 21");
        assert_eq!(said::<Vec<u8>>("[1"), "EOF while parsing a list at line 1 column 2");
        let quoting = without_values("bad address secret@example.com");
        assert!(!quoting.contains("secret"), "{quoting}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(first_line("one\ntwo"), "one");
        assert_eq!(first_line(&"ß".repeat(400)).len(), 500);
        assert_eq!(first_line(&format!("a{}", "ß".repeat(400))).len(), 499);
        assert_eq!(first_line(""), "");
    }
}
