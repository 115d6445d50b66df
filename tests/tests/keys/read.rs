//! Reads keys back: the inverse of the rendering, written from its description alone.

/// The texts of the parts of `key`, where `literals` stand before, between and after them; the first
/// and the last literal may be empty.
pub(crate) fn parts<'a>(key: &'a str, literals: &[&str]) -> Option<Vec<&'a str>> {
    let [first, between @ .., last] = literals else { return None };
    let mut rest = key.strip_prefix(first)?.strip_suffix(last)?;
    let mut parts = Vec::with_capacity(literals.len());
    for literal in between {
        // Each holds a character that no part holds.
        let (part, after) = rest.split_once(literal)?;
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    Some(parts)
}

/// What an escaped text stands for.
pub(crate) fn text(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? * 16 + digit(rest.next()?)?,
            b'_' | b'.' | b'@' | b'-' => byte,
            byte if byte.is_ascii_alphanumeric() => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The elements of a list: each is followed by a comma.
pub(crate) fn elements(written: &str) -> Option<Vec<&str>> {
    let inner = written.strip_prefix('(')?.strip_suffix(')')?;
    let (mut elements, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                elements.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    (depth == 0 && start == inner.len()).then_some(elements)
}

/// The namespace of the templates that have one, as it is written.
pub(crate) const NAMESPACE: &str = "%7Ba%7D%3Ab:";

/// The namespace and the text of a name in the store.
fn split(name: &str) -> (&str, &str) {
    name.strip_prefix(NAMESPACE).map_or(("", name), |text| (NAMESPACE, text))
}

/// A key without the mark of those that cannot stand as they are.
pub(crate) fn unmarked(key: &str) -> String {
    let (namespace, text) = split(key);
    format!("{namespace}{}", text.strip_prefix("{~}").unwrap_or(text))
}

/// Whether `name` could be the lease or the hedge of an entry.
pub(crate) fn is_lock(name: &str) -> bool {
    let (_, text) = split(name);
    text.starts_with("~lock:") || text.starts_with("~hedge:")
}

/// The lease and the hedge of the entry `name`.
pub(crate) fn locks_of(name: &str) -> [String; 2] {
    let (namespace, _) = split(name);
    let slot = match tag(name) {
        Some(tag) => format!("{{{tag}}}:{name}"),
        None => format!("{{{name}}}"),
    };
    ["lock", "hedge"].map(|kind| format!("{namespace}~{kind}:{slot}"))
}

/// The hash tag of Redis Cluster.
pub(crate) fn tag(name: &str) -> Option<&str> {
    let tag = name.split_once('{')?.1.split_once('}')?.0;
    (!tag.is_empty()).then_some(tag)
}

/// What Redis Cluster hashes to find the slot.
pub(crate) fn slot(name: &str) -> &str {
    tag(name).unwrap_or(name)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
