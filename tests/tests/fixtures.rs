//! Promises: damage, killed.
//!
//! Journals that a released version of the format left are read for ever, and told as they were.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;

use journal_tests::fixtures::{Files, read, told};
use journal_tests::source::root;
use serde_json::Value;
use trace_journal::Reader;

/// Each fixture of version 1 of the format, with what is told of it.
fn fixtures() -> BTreeMap<String, (Files, Value)> {
    let dir = root().join("tests").join("fixtures").join("format-1");
    let entries = fs::read_dir(dir).unwrap();
    let fixtures = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = fs::read(path.join("told.json")).unwrap();
        let files = read(&path.join("journal")).unwrap();
        (name, (files, serde_json::from_slice(&expected).unwrap()))
    });
    fixtures.collect()
}

#[test]
fn journals_of_format_1_are_told_as_ever() {
    let fixtures = fixtures();
    let names: Vec<&str> = fixtures.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "begun",
            "contested",
            "damaged",
            "forged",
            "kinds",
            "lost",
            "many-runs",
            "shared",
            "torn"
        ]
    );
    for (name, (files, expected)) in fixtures {
        let found = told(&files);
        for part in ["records", "snapshots", "report"] {
            let (found, expected) = (&found[part], &expected[part]);
            assert_eq!(found, expected, "{name}: {part}");
        }
        // What makes it this fixture.
        let report = &found["report"];
        let (loss, ranges) = (report["loss"].as_str().unwrap(), &report["ranges"]);
        let ranges = ranges.as_array().unwrap();
        let is_contested = ranges.iter().any(|range| range.get("contested").is_some());
        match name.as_str() {
            "kinds" | "many-runs" | "shared" => assert_eq!(loss, "none", "{name}"),
            "begun" | "forged" | "torn" => assert_eq!(loss, "tail", "{name}"),
            _ => assert_eq!(loss, "damage", "{name}"),
        }
        assert_eq!(is_contested, name == "contested", "{name}");
    }
}

#[test]
fn journals_of_format_1_are_read_from_a_real_directory() {
    for (name, (files, expected)) in fixtures() {
        let dir = tempfile::tempdir().unwrap();
        for (file, bytes) in &files {
            fs::write(dir.path().join(file), bytes).unwrap();
        }
        let reader = Reader::open(dir.path()).unwrap();
        let items = u64::try_from(reader.records().count()).unwrap();
        let told = expected["records"].as_array().unwrap().len();
        assert_eq!(items, u64::try_from(told).unwrap(), "{name}");
    }
}
