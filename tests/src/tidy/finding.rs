//! One place where a rule is broken.

use std::collections::BTreeMap;

/// One place where a rule is broken.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What stays the same while lines move; the list of findings holds it.
    pub key: String,
    /// Where to look.
    pub detail: String,
}

impl Finding {
    /// A finding of the rule `rule` about `subject` in `area`.
    pub(super) fn new(area: &str, rule: &str, subject: &str, detail: String) -> Finding {
        Finding {
            key: format!("{area} {rule} {subject}"),
            detail,
        }
    }

    /// One finding for each subject of a rule, with where it was seen.
    pub(super) fn all(rule: &str, found: BTreeMap<(String, String), String>) -> Vec<Finding> {
        let found = found.into_iter();
        found
            .map(|((area, subject), detail)| Finding::new(&area, rule, &subject, detail))
            .collect()
    }
}

/// The top module in the library, the crate elsewhere.
#[must_use]
pub fn area(path: &str) -> &str {
    let inside = path.strip_prefix("journal/src/").unwrap_or(path);
    inside
        .split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
}

/// The one area of several files, `library` if they are of several.
pub(super) fn shared_area<'a>(mut paths: impl Iterator<Item = &'a str>) -> &'a str {
    let first = paths.next().map(area).unwrap_or_default();
    if paths.all(|path| area(path) == first) {
        first
    } else {
        "library"
    }
}
