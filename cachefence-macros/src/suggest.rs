//! "Did you mean": the known name nearest to one that was mistyped.

/// Finds the candidate that `name` most likely stands for.
///
/// One edit in three characters is allowed, at least one: `idd` gives `id`, but `tenant` never gives `limit`.
pub(crate) fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        // A candidate whose every letter would change is not alike, though `a` is one edit away from `b`.
        .filter(|(edits, candidate)| *edits <= allowed && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Writes names as a list for a message: `` `id`, `tenant` ``.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The Levenshtein distance, by rows.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        let mut last = line + 1;
        // `window` holds two cells of the row above: the one to the left, and the one straight above.
        for (window, b) in row.windows(2).zip(&right) {
            let &[diagonal, above] = window else { continue };
            last = (diagonal + usize::from(a != *b)).min(above + 1).min(last + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn near_names_are_suggested() {
        assert_eq!(closest("idd", ["tenant", "id"]), Some("id"));
        assert_eq!(closest("tll", ["key", "ttl"]), Some("ttl"));
        assert_eq!(closest("lock_timout", ["lock_timeout"]), Some("lock_timeout"));
    }

    #[test]
    fn far_names_are_not() {
        assert_eq!(closest("tenant", ["limit", "id"]), None);
        assert_eq!(closest("a", ["b"]), None);
        assert_eq!(closest("x", []), None);
    }

    #[test]
    fn lists_are_quoted() {
        assert_eq!(list(["id", "tenant"]), "`id`, `tenant`");
    }
}
