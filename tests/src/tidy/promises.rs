//! The promises of the journal, and the suites that try to break each.

use std::collections::BTreeMap;

/// The names of the promises in `GUARANTEES.md`.
pub fn promises(guarantees: &str) -> impl Iterator<Item = &str> {
    let sections = guarantees.split("\n## ").skip(1);
    sections.map(|section| section.lines().next().unwrap_or_default())
}

/// The suites of each promise, as the rows of a table in `CONTRIBUTING.md` say.
#[must_use]
pub fn suites_of_promises(contributing: &str) -> BTreeMap<&str, Vec<&str>> {
    let rows = contributing.lines().filter_map(|line| {
        let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (promise, suites) = row.split_once(" | ")?;
        Some((promise, suites.split(", ").collect()))
    });
    rows.collect()
}
