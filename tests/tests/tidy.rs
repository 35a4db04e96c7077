//! The project's own rules, checked on its sources: floors, limits, words, dead files.
//!
//! Each rule is a function from sources to findings; each has a negative control below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use journal_tests::source::{Source, is_word, root, sources};
use journal_tests::tidy::graph::module_path;
use journal_tests::tidy::{area, differences, findings, promises, suites_of_promises};
use journal_tests::words::{is_foreign, never_in_identifier, never_in_text};

const LINE_COUNT_MAX: usize = 400;
const LINE_COUNT_HARD_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// In a file over 400 lines, the start of the line that gives the reason.
const LONG_FILE_REASON: &str = "// Over 400 lines: ";

/// Files that may hold `unsafe` code.
const UNSAFE_FILES: &[&str] = &[
    "journal/src/storage/unix/linux/map.rs",
    "journal/src/storage/unix/macos/process.rs",
    "journal/src/storage/windows/lock.rs",
    "journal/src/storage/windows/look.rs",
    "journal/src/storage/windows/process.rs",
    "benches/peers/src/floor/mapped.rs",
    // Counts what is allocated.
    "tests/src/counting_allocator.rs",
    // Forks.
    "tests/src/forks.rs",
];

/// What the command must not depend on, because it knows no bytes.
const BYTE_PACKAGES: [&str; 5] = ["bytes", "crc32fast", "memmap2", "postcard", "serde_bytes"];

type Finding = String;
type Floors = BTreeMap<String, u32>;

// Whole-project checks.

#[test]
fn modules_use_only_their_floor_and_lower_ones() {
    let floors = floors(&read("CONTRIBUTING.md"));
    assert!(floors.len() > 5, "no floors table in CONTRIBUTING.md");
    report(
        shipped()
            .iter()
            .flat_map(|source| floor_findings(source, &floors)),
    );
}

#[test]
fn files_functions_and_lines_keep_their_limits() {
    report(shipped().iter().flat_map(file_findings));
    report(everything().iter().flat_map(function_findings));
    report(everything().iter().flat_map(column_findings));
}

#[test]
fn public_names_and_printed_words_are_ours() {
    report(sources("journal/src").iter().flat_map(identifier_findings));
    report(sources("recover-cli/src").iter().flat_map(text_findings));
}

#[test]
fn nothing_is_unsafe_unfinished_or_silenced() {
    report(everything().iter().flat_map(marker_findings));
}

#[test]
fn the_command_knows_no_bytes() {
    report(manifest_findings(&read("recover-cli/Cargo.toml")));
    report(sources("recover-cli/src").iter().flat_map(byte_findings));
}

#[test]
fn every_file_is_part_of_its_crate() {
    for (folder, crate_root) in [
        ("journal/src", "lib.rs"),
        ("recover-cli/src", "main.rs"),
        ("tests/src", "lib.rs"),
        ("benches/src", "lib.rs"),
    ] {
        report(dead_files(
            &sources(folder),
            &format!("{folder}/{crate_root}"),
        ));
    }
}

#[test]
fn where_to_look_leads_somewhere() {
    let paths: Vec<String> = everything().into_iter().map(|source| source.path).collect();
    report(place_findings(&read("CONTRIBUTING.md"), &paths));
}

#[test]
fn every_promise_has_its_suites() {
    let suites = sources("tests/tests").into_iter().filter_map(|source| {
        let suite = source
            .path
            .strip_prefix("tests/tests/")?
            .strip_suffix(".rs")?
            .to_owned();
        let first_line = source.text.lines().next().unwrap_or_default();
        Some((suite, first_line.to_owned()))
    });
    report(promise_findings(
        &read("journal/GUARANTEES.md"),
        &read("CONTRIBUTING.md"),
        &suites.collect(),
    ));
}

#[test]
fn findings_left_are_those_listed() {
    let listed = read("tests/tests/tidy_findings.txt");
    report(differences(&findings(&read("CONTRIBUTING.md")), &listed));
}

// The rules.

/// Rows of the table: `| 2 | segment, writer | …`; module names in backticks.
fn floors(contributing: &str) -> Floors {
    let mut floors = Floors::new();
    for line in contributing.lines() {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let Some(Ok(floor)) = cells.next().map(str::parse) else {
            continue;
        };
        let names = cells
            .next()
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2);
        floors.extend(names.map(|name| (name.to_owned(), floor)));
    }
    floors
}

fn floor_findings(source: &Source, floors: &Floors) -> Vec<Finding> {
    let Some(place) = source.path.strip_prefix("journal/src/") else {
        return Vec::new();
    };
    let modules = module_path(place);
    let own = modules.first().map_or("lib", String::as_str);
    let Some(own_floor) = floors.get(own) else {
        return vec![format!("{}: module {own} has no floor", source.path)];
    };
    let mut findings = Vec::new();
    for (line, used) in used_modules(source, &modules) {
        match floors.get(&used) {
            Some(floor) if floor <= own_floor => {}
            Some(floor) => findings.push(format!(
                "{}:{line}: {own} (floor {own_floor}) uses {used} (floor {floor})",
                source.path
            )),
            None => findings.push(format!(
                "{}:{line}: {used} is no module with a floor; name the module, not the root",
                source.path
            )),
        }
    }
    findings
}

/// Top modules reached through `crate::` and `super::`, the own one left out.
fn used_modules(source: &Source, modules: &[String]) -> Vec<(usize, String)> {
    let code = source.shipped();
    let mut used = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            if before.ends_with(is_word) || before.ends_with("::") {
                continue;
            }
            let line = 1 + before.matches('\n').count();
            let supers = code[at..]
                .split("::")
                .take_while(|part| *part == "super")
                .count();
            let rest = &code[at + "super::".len() * supers.max(1)..];
            let rest = if start == "crate::" {
                &code[at + start.len()..]
            } else {
                rest
            };
            if start == "super::" && supers < modules.len() {
                continue;
            }
            used.extend(first_names(rest).into_iter().map(|name| (line, name)));
        }
    }
    used.retain(|(_, name)| modules.first() != Some(name));
    used
}

/// The first name of a path, or of each path of a `{}` group.
fn first_names(path: &str) -> Vec<String> {
    let word = |text: &str| -> String { text.chars().take_while(|c| is_word(*c)).collect() };
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut starts = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' => starts = depth == 0,
            c if starts && is_word(c) => {
                names.push(word(&group[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    names
}

fn file_findings(source: &Source) -> Vec<Finding> {
    let reason = source
        .text
        .lines()
        .any(|line| line.starts_with(LONG_FILE_REASON));
    let limit = if reason {
        LINE_COUNT_HARD_MAX
    } else {
        LINE_COUNT_MAX
    };
    let is_over = source.line_count > limit;
    let words = format!(
        "{}: {} lines, limit {limit}",
        source.path, source.line_count
    );
    is_over.then_some(words).into_iter().collect()
}

fn function_findings(source: &Source) -> Vec<Finding> {
    let functions = source.functions().into_iter();
    let long = functions.filter(|(_, _, count)| *count > FUNCTION_LINES_MAX);
    long.map(|(name, line, count)| format!("{}:{line}: fn {name} has {count} lines", source.path))
        .collect()
}

fn column_findings(source: &Source) -> Vec<Finding> {
    let lines = (1..).zip(source.text.lines());
    lines
        .filter(|(_, line)| line.chars().count() > COLUMNS_MAX)
        .map(|(number, _)| format!("{}:{number}: over {COLUMNS_MAX} columns", source.path))
        .collect()
}

fn identifier_findings(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, name) in public_identifiers(source) {
        let is_foreign = is_foreign(area(&source.path), &name);
        for word in never_in_identifier(&name).iter().filter(|_| !is_foreign) {
            findings.push(format!(
                "{}:{line}: {name}: we do not say {word}",
                source.path
            ));
        }
    }
    findings
}

/// What stands behind `pub`, and the variants of public enums.
fn public_identifiers(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_public_enum = false;
    for (number, line) in source.lines() {
        let words: Vec<&str> = line
            .split(|c: char| !is_word(c))
            .filter(|word| !word.is_empty())
            .collect();
        let is_public = line.trim_start().starts_with("pub ");
        let qualifiers = [
            "pub", "const", "unsafe", "async", "fn", "struct", "enum", "trait", "static", "type",
            "mod", "use", "mut",
        ];
        if is_public {
            let name = words.iter().find(|word| !qualifiers.contains(*word));
            found.extend(name.map(|name| (number, (*name).to_owned())));
        } else if in_public_enum && line.starts_with("    ") && !line.starts_with("     ") {
            let name = words
                .first()
                .filter(|word| word.starts_with(char::is_uppercase));
            found.extend(name.map(|name| (number, (*name).to_owned())));
        }
        if line.starts_with("pub enum ") {
            in_public_enum = !line.contains('}');
        } else if line.starts_with('}') {
            in_public_enum = false;
        }
    }
    found
}

/// String literals, and the comments that clap turns into help.
fn text_findings(source: &Source) -> Vec<Finding> {
    let is_shipped = |line: &usize| *line <= source.line_count;
    let help = source
        .comments
        .iter()
        .filter(|(_, text)| text.starts_with("///"));
    let texts = source
        .strings
        .iter()
        .chain(help)
        .filter(|(line, _)| is_shipped(line));
    let mut findings = Vec::new();
    for (line, text) in texts {
        for word in never_in_text(text) {
            findings.push(format!("{}:{line}: we do not say {word}", source.path));
        }
    }
    findings
}

fn marker_findings(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in &source.comments {
        for marker in ["TODO", "FIXME", "XXX", "HACK"] {
            if text.split(|c| !is_word(c)).any(|word| word == marker) {
                findings.push(format!("{}:{line}: {marker}", source.path));
            }
        }
    }
    for (line, text) in (1..).zip(source.code.lines()) {
        for marker in [
            "todo!(",
            "unimplemented!(",
            "dbg!(",
            "#[allow",
            "#![allow",
            "#[ignore",
        ] {
            if text.contains(marker) {
                findings.push(format!("{}:{line}: {marker}", source.path));
            }
        }
        let is_unsafe = text.split(|c| !is_word(c)).any(|word| word == "unsafe");
        if is_unsafe && !UNSAFE_FILES.contains(&source.path.as_str()) {
            findings.push(format!("{}:{line}: unsafe", source.path));
        }
    }
    findings
}

fn manifest_findings(manifest: &str) -> Vec<Finding> {
    let names = manifest
        .lines()
        .filter_map(|line| line.split(['.', '=', ' ']).next());
    names
        .filter(|name| BYTE_PACKAGES.contains(name))
        .map(|name| format!("the command depends on {name}"))
        .collect()
}

fn byte_findings(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, code) in source.lines() {
        for sign in [
            "trace_journal::format",
            "MAGIC",
            "_OFFSET",
            "_le_bytes",
            "_be_bytes",
            "4096",
            "8192",
            "Crc32",
            "crc32",
        ] {
            if code.contains(sign) {
                findings.push(format!(
                    "{}:{line}: {sign} belongs to the format",
                    source.path
                ));
            }
        }
    }
    for (line, text) in &source.strings {
        if [".seg", ".run", ".idx"]
            .iter()
            .any(|name| text.contains(name))
        {
            findings.push(format!(
                "{}:{line}: file names are the library's",
                source.path
            ));
        }
    }
    findings
}

/// Sources that no `mod` line leads to.
fn dead_files(sources: &[Source], crate_root: &str) -> Vec<Finding> {
    let paths: BTreeSet<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    // A file in `bin/` is the root of a crate of its own.
    let is_root = |path: &&str| *path == crate_root || path.contains("/src/bin/");
    let roots = paths.iter().copied().filter(is_root);
    let mut waiting: Vec<String> = roots.map(str::to_owned).collect();
    let mut alive: BTreeSet<String> = waiting.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        let source = sources.iter().find(|source| source.path == path);
        for (name, _) in source.map(Source::modules).unwrap_or_default() {
            for found in source
                .map(|source| source.module_paths(&name))
                .into_iter()
                .flatten()
            {
                if paths.contains(found.as_str()) && alive.insert(found.clone()) {
                    waiting.push(found);
                }
            }
        }
    }
    let dead = paths.iter().filter(|path| !alive.contains(**path));
    dead.map(|path| format!("{path}: no module of its crate"))
        .collect()
}

/// The files and folders that the table "Where to look" names, and no source has.
fn place_findings(contributing: &str, paths: &[String]) -> Vec<Finding> {
    let section = contributing.split("\n## Where to look").nth(1);
    let section = section.unwrap_or_default().split("\n## ").next();
    let section = section.unwrap_or_default();
    let names = section.split('`').skip(1).step_by(2);
    let places = names.filter(|name| name.ends_with(".rs") || name.starts_with("journal/src/"));
    let is_there = |place: &str| {
        let inside = format!("/{place}/");
        paths
            .iter()
            .any(|path| format!("/{path}/").contains(&inside))
    };
    places
        .filter(|place| !is_there(place))
        .map(|place| format!("CONTRIBUTING.md: no {place} to look at"))
        .collect()
}

/// Every promise has suites, every suite exists and names the promise in its first line.
///
/// `suites` are the first lines of `tests/tests`, by the name of the suite.
fn promise_findings(
    guarantees: &str,
    contributing: &str,
    suites: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let suites_of = suites_of_promises(contributing);
    let promises: BTreeSet<&str> = promises(guarantees).collect();
    for promise in &promises {
        let Some(named) = suites_of.get(promise) else {
            findings.push(format!("promise {promise} has no suites"));
            continue;
        };
        for suite in named {
            match suites.get(*suite) {
                None => findings.push(format!("promise {promise}: no suite {suite}")),
                Some(first_line) if names_promise(first_line, promise) => {}
                Some(_) => findings.push(format!("suite {suite} does not name {promise} first")),
            }
        }
    }
    for (suite, first_line) in suites {
        for promise in promised(first_line).filter(|promise| !promises.contains(*promise)) {
            findings.push(format!("suite {suite}: no promise {promise}"));
        }
    }
    findings
}

fn names_promise(first_line: &str, promise: &str) -> bool {
    promised(first_line).any(|named| named == promise)
}

/// The names in `//! Promises: killed, clock. What the suite does.`
fn promised(first_line: &str) -> impl Iterator<Item = &str> {
    let names = first_line
        .strip_prefix("//! Promises: ")
        .unwrap_or_default();
    let names = names.split('.').next().unwrap_or_default();
    names.split(", ").filter(|name| !name.is_empty())
}

// Reading and reporting.

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// Code that others run.
fn shipped() -> Vec<Source> {
    let folders = ["journal/src", "recover-cli/src", "tests/src"];
    folders.iter().flat_map(|folder| sources(folder)).collect()
}

fn everything() -> Vec<Source> {
    let folders = ["journal", "recover-cli", "tests", "benches", "fuzz"];
    folders.iter().flat_map(|folder| sources(folder)).collect()
}

#[track_caller]
fn report(findings: impl IntoIterator<Item = Finding>) {
    let findings: Vec<Finding> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

// Negative controls: each rule must see a small wrong thing, and pass the right one.

fn floors_sample() -> Floors {
    let rows = [
        "| floor | modules |",
        "| 0 | `error` |",
        "| 1 | `event` |",
        "| 2 | `writer`, `lib` |",
    ];
    floors(&rows.join("\n"))
}

fn floor_count(path: &str, text: &str) -> usize {
    floor_findings(&Source::new(path, text), &floors_sample()).len()
}

#[test]
fn control_floors() {
    let event = "journal/src/event/codec.rs";
    assert_eq!(floor_count(event, "use crate::writer::Core;"), 1);
    assert_eq!(
        floor_count(event, "use crate::{error::Error, writer::{Core, x}};"),
        1
    );
    assert_eq!(
        floor_count(event, "fn f() -> super::super::writer::Core {}"),
        1
    );
    assert_eq!(floor_count(event, "use crate::Journal;"), 1);
    assert_eq!(floor_count("journal/src/stray.rs", ""), 1);
    assert_eq!(
        floor_count(
            event,
            "use crate::{error::Error, event::Value}; use super::x;"
        ),
        0
    );
    assert_eq!(
        floor_count("journal/src/writer/mod.rs", "use crate::event::Value;"),
        0
    );
    assert_eq!(
        floor_count(event, "#[cfg(test)]\nmod t {\nuse crate::writer::Core; }"),
        0
    );
}

#[test]
fn control_limits() {
    let long_file = "//\n".repeat(LINE_COUNT_MAX + 1);
    assert_eq!(file_findings(&Source::new("x.rs", &long_file)).len(), 1);
    let with_reason = format!("{LONG_FILE_REASON}one table\n{long_file}");
    assert_eq!(file_findings(&Source::new("x.rs", &with_reason)).len(), 0);
    let too_long = format!("{with_reason}{long_file}");
    assert_eq!(file_findings(&Source::new("x.rs", &too_long)).len(), 1);
    let function = |lines| format!("fn f() {{\n{}}}\n", "a();\n".repeat(lines));
    assert_eq!(
        function_findings(&Source::new("x.rs", &function(69))).len(),
        1
    );
    assert_eq!(
        function_findings(&Source::new("x.rs", &function(68))).len(),
        0
    );
    assert_eq!(
        column_findings(&Source::new("x.rs", &"ö".repeat(101))).len(),
        1
    );
    assert_eq!(
        column_findings(&Source::new("x.rs", &"ö".repeat(100))).len(),
        0
    );
}

#[test]
fn control_words() {
    let count = |text| identifier_findings(&Source::new("journal/src/x.rs", text)).len();
    assert_eq!(count("pub fn read_chunk() {}"), 1);
    assert_eq!(count("pub struct A {\n    pub entry: u8,\n}"), 1);
    assert_eq!(count("pub enum A {\n    Corrupted(u8),\n}"), 1);
    assert_eq!(count("pub(crate) fn read_chunk() {}\nfn entry() {}"), 0);
    let count = |text| text_findings(&Source::new("recover-cli/src/x.rs", text)).len();
    assert_eq!(count("f(\"3 entries\");"), 1);
    assert_eq!(count("/// Prints the database.\nList,"), 1);
    assert_eq!(
        count("// The database of somebody else.\nlet entry = \"record\";"),
        0
    );
}

#[test]
fn control_markers() {
    let count = |text| marker_findings(&Source::new("x.rs", text)).len();
    for bad in [
        "// TODO later",
        "let a = todo!();",
        "dbg!(a);",
        "#[allow(unused)]",
        "unsafe { f() }",
        "#[ignore]",
    ] {
        assert_eq!(count(bad), 1, "{bad}");
    }
    assert_eq!(count("#[expect(unsafe_code, reason = \"TODO\")]"), 0);
}

#[test]
fn control_bytes() {
    assert_eq!(
        manifest_findings("[dependencies]\npostcard.workspace = true\n").len(),
        1
    );
    assert_eq!(manifest_findings("bytes = \"1\"\n").len(), 1);
    assert_eq!(manifest_findings("clap.workspace = true\n").len(), 0);
    let count = |text| byte_findings(&Source::new("recover-cli/src/x.rs", text)).len();
    assert_eq!(count("use trace_journal::format::VERSION;"), 1);
    assert_eq!(count("let page = 4096;"), 1);
    assert_eq!(count("name.ends_with(\".seg\")"), 1);
    assert_eq!(count("use trace_journal::export;"), 0);
}

#[test]
fn control_promises() {
    let suites = |first_line: &str| BTreeMap::from([("kill".to_owned(), first_line.to_owned())]);
    let guarantees = "# P\n\n## killed\n\nIt stays.\n\n# Assumed\n";
    let count = |table, first_line| promise_findings(guarantees, table, &suites(first_line)).len();
    let good = "| promise | suites |\n|---|---|\n| killed | kill |\n";
    assert_eq!(count(good, "//! Promises: killed."), 0);
    assert_eq!(count(good, "//! Kills."), 1);
    assert_eq!(count(good, "//! Promises: killed, clock."), 1);
    assert_eq!(count("", "//! Promises: killed."), 1);
    assert_eq!(count("| killed | none |\n", "//! Promises: killed."), 1);
}

#[test]
fn control_places() {
    let paths = ["journal/src/writer/run.rs".to_owned()];
    let count = |row: &str| place_findings(&format!("\n## Where to look\n{row}\n"), &paths).len();
    assert_eq!(count("| x | `journal/src/writer`: `run.rs`, `writer` |"), 0);
    assert_eq!(count("| x | `journal/src/reader`: `un.rs` |"), 2);
}

#[test]
fn control_dead_files() {
    let sources = [
        Source::new("c/src/lib.rs", "mod a;\npub(crate) mod b;"),
        Source::new("c/src/a/mod.rs", "mod inner;"),
        Source::new("c/src/a/inner.rs", ""),
        Source::new("c/src/b.rs", ""),
        Source::new("c/src/left.rs", ""),
    ];
    let dead = dead_files(&sources, "c/src/lib.rs");
    assert_eq!(dead, ["c/src/left.rs: no module of its crate"]);
}
