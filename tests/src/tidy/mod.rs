//! Rules of the house that read the whole library at once, and the findings still left.

pub mod circles;
mod finding;
pub mod graph;
pub mod names;
mod promises;

pub use finding::{Finding, area};
pub use promises::{promises, suites_of_promises};

use std::collections::BTreeMap;

use crate::source::sources;

/// Everything the rules find; `contributing` holds the table of rooms.
#[must_use]
pub fn findings(contributing: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in ["journal/src", "recover-cli/src", "tests/src"] {
        let sources = sources(folder);
        let graph = graph::uses(&sources, folder);
        findings.extend(circles::circle_findings(&graph));
        findings.extend(names::word_findings(&sources));
        findings.extend(names::nobody_findings(&sources));
        if folder == "journal/src" {
            let rooms = circles::rooms(contributing);
            findings.extend(circles::room_findings(&graph, folder, &rooms));
            findings.extend(names::type_findings(&sources));
            findings.extend(names::constant_findings(&sources));
        }
    }
    findings
}

/// What is wrong with `listed`: findings it does not know, and lines that nothing is behind.
///
/// It may only shrink: the commit that cures a finding removes its line.
#[must_use]
pub fn differences(found: &[Finding], listed: &str) -> Vec<String> {
    let lines: Vec<&str> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let found: BTreeMap<&str, &str> = found
        .iter()
        .map(|finding| (finding.key.as_str(), finding.detail.as_str()))
        .collect();
    let new = found.iter().filter(|(key, _)| !lines.contains(key));
    let new = new.map(|(key, detail)| format!("new: {key}\n     {detail}"));
    let gone = lines.iter().filter(|line| !found.contains_key(*line));
    let gone = gone.map(|line| format!("cured, remove its line: {line}"));
    let unsorted = lines.windows(2).filter(|pair| pair[0] >= pair[1]);
    let unsorted = unsorted.map(|pair| format!("not in order: {}", pair[1]));
    new.chain(gone).chain(unsorted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_is_found_and_nothing_else() {
        let found = [Finding::new(
            "a",
            "circle",
            "a.rs",
            "a -> b -> a".to_owned(),
        )];
        assert!(differences(&found, "# a\na circle a.rs\n").is_empty());
        assert_eq!(differences(&found, "").len(), 1);
        assert_eq!(
            differences(&found, "a circle a.rs\na circle b.rs\n").len(),
            1
        );
        assert_eq!(differences(&[], "b circle b\na circle a\n").len(), 3);
    }
}
