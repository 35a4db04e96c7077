//! One name, one thing: types and constants defined twice, names that went out of use.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, area, shared_area};
use crate::source::{Source, is_word};
use crate::words::{
    files_out_of_use, invented_in_identifier, is_foreign, is_foreign_word, is_name_out_of_use,
    never_in_identifier, nobody_in_comment,
};

/// Numbers and texts that small are no meaning.
const TELLING_NUMBER: u128 = 1 << 32;
const TELLING_TEXT_LEN: usize = 10;

/// One finding for each type name that several files define.
#[must_use]
pub fn type_findings(sources: &[Source]) -> Vec<Finding> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        for (_, sort, name) in definitions(source) {
            if TYPES.contains(&sort) {
                let place = without_system(&source.path);
                places.entry(name).or_default().insert(place);
            }
        }
    }
    let twice = places.into_iter().filter(|(_, files)| files.len() > 1);
    twice
        .map(|(name, files)| {
            let area = shared_area(files.iter().map(String::as_str));
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            Finding::new(area, "type", &name, files.join(", "))
        })
        .collect()
}

/// The path of a file without the system it is for: of two that differ in that only, one is
/// compiled, and it defines what the other one does.
fn without_system(path: &str) -> String {
    let parts = path.split('/').filter(|part| !SYSTEMS.contains(part));
    parts.collect::<Vec<&str>>().join("/")
}

fn path_of(place: &str) -> &str {
    place.split_once(':').map_or(place, |(path, _)| path)
}

const SYSTEMS: [&str; 4] = ["unix", "linux", "macos", "windows"];

/// One finding for each constant that is defined twice, by its name or by what it says.
#[must_use]
pub fn constant_findings(sources: &[Source]) -> Vec<Finding> {
    let mut meanings: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for source in sources {
        for (line, name, value) in constants(source) {
            let place = (format!("{}:{line}", source.path), name.clone());
            for meaning in meanings_of(&name, &value) {
                let places = meanings.entry(meaning).or_default();
                let file = without_system(&source.path);
                let is_other_systems = |known: &(String, String)| {
                    known.0 != place.0
                        && without_system(path_of(&known.0)) == file
                        && path_of(&known.0) != source.path
                };
                if !places.iter().any(is_other_systems) {
                    places.push(place.clone());
                }
            }
        }
    }
    let mut findings = BTreeMap::new();
    for places in meanings.into_values().filter(|places| places.len() > 1) {
        let names: BTreeSet<&str> = places.iter().map(|(_, name)| name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let files: Vec<&str> = places.iter().map(|(place, _)| place.as_str()).collect();
        let area = shared_area(files.iter().copied()).to_owned();
        findings.insert((area, names.join(" = ")), files.join(", "));
    }
    Finding::all("const", findings)
}

/// One finding for each name of a file, a type or a function that we do not use.
#[must_use]
pub fn word_findings(sources: &[Source]) -> Vec<Finding> {
    let mut findings = BTreeMap::new();
    for source in sources {
        let area = area(&source.path);
        for (line, sort, name) in definitions(source) {
            let is_checked = TYPES.contains(&sort) || sort == "fn";
            let gone = is_name_out_of_use(area, &name);
            for why in objections(area, &name, gone).filter(|_| is_checked) {
                let place = format!("{}:{line}: {why}", source.path);
                findings.insert((area.to_owned(), name.clone()), place);
            }
        }
        let place = source.path.trim_start_matches("journal/src/");
        let place = place.trim_end_matches(".rs");
        for gone in files_out_of_use(area, place) {
            let why = format!("{}: another name has replaced it", source.path);
            findings.insert((area.to_owned(), format!("file {gone}")), why);
        }
        for part in place.split('/') {
            for why in objections(area, part, false) {
                let place = format!("{}: {why}", source.path);
                findings.insert((area.to_owned(), format!("file {part}")), place);
            }
        }
    }
    Finding::all("name", findings)
}

fn objections(area: &str, name: &str, is_gone: bool) -> impl Iterator<Item = String> {
    // The tests speak of block devices and of stores in memory.
    let is_ours = area != "tests" && !is_foreign(area, name);
    let never = never_in_identifier(name).into_iter();
    let words = never.filter(move |word| is_ours && !is_foreign_word(area, word));
    let words = words.chain(invented_in_identifier(name));
    let words = words.map(|word| format!("we do not say {word}"));
    words.chain(is_gone.then(|| "another name has replaced it".to_owned()))
}

/// One finding for each file whose comments name no thread, caller or process.
#[must_use]
pub fn nobody_findings(sources: &[Source]) -> Vec<Finding> {
    let mut findings = BTreeMap::new();
    for source in sources {
        for (line, text) in &source.comments {
            for word in nobody_in_comment(text) {
                let key = (area(&source.path).to_owned(), source.path.clone());
                let lines: &mut String = findings.entry(key).or_default();
                *lines += &format!("line {line}: {word}  ");
            }
        }
    }
    Finding::all("who", findings)
}

const TYPES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Every definition before the unit tests: its line, its keyword, its name.
///
/// A `type` inside braces belongs to a trait and is left out.
fn definitions(source: &Source) -> Vec<(usize, &'static str, String)> {
    const SORTS: [&str; 6] = ["struct", "enum", "trait", "type", "union", "fn"];
    let mut found = Vec::new();
    for (number, line) in source.lines() {
        let mut words = line
            .split(|c: char| !is_word(c) && c != '\'')
            .filter(|word| !word.is_empty());
        let sort = words.find_map(|word| SORTS.into_iter().find(|sort| *sort == word));
        let (Some(sort), Some(name)) = (sort, words.next()) else {
            continue;
        };
        let starts = line.find(sort).unwrap_or_default();
        let before = line[..starts].trim();
        let is_definition = before
            .split(|c: char| !is_word(c))
            .all(|word| QUALIFIERS.contains(&word));
        let is_associated = sort == "type" && line.starts_with(' ');
        if is_definition && !is_associated {
            found.push((number, sort, name.to_owned()));
        }
    }
    found
}

const QUALIFIERS: [&str; 10] = [
    "", "pub", "crate", "super", "in", "const", "unsafe", "async", "extern", "default",
];

/// Every constant at the left margin before the unit tests: its line, its name, its value.
fn constants(source: &Source) -> Vec<(usize, String, String)> {
    let texts: BTreeMap<usize, &str> = source
        .strings
        .iter()
        .map(|(line, text)| (*line, text.as_str()))
        .collect();
    let mut found = Vec::new();
    for (number, line) in source.lines() {
        let line = match line.strip_prefix("pub(") {
            Some(restricted) => restricted.split_once(") ").map_or("", |(_, rest)| rest),
            None => line.strip_prefix("pub ").unwrap_or(line),
        };
        let Some(definition) = line.strip_prefix("const ") else {
            continue;
        };
        let Some((name, rest)) = definition.split_once(':') else {
            continue;
        };
        if !name
            .chars()
            .all(|c| c.is_uppercase() || c.is_numeric() || c == '_')
            || name == "_"
        {
            continue;
        }
        let value = rest.split_once(" = ").map_or("", |(_, value)| value);
        let value = match texts.get(&number) {
            Some(text) if value.starts_with('"') => format!("\"{text}\""),
            _ => value.trim_end_matches(';').to_owned(),
        };
        found.push((number, name.to_owned(), value));
    }
    found
}

/// What makes two constants the same: the name, the name without its unit, a telling value.
fn meanings_of(name: &str, value: &str) -> Vec<String> {
    const UNITS: [&str; 5] = ["LEN", "SIZE", "BYTES", "U64", "USIZE"];
    let mut meanings = vec![format!("name {name}")];
    let bare: Vec<&str> = name
        .split('_')
        .filter(|word| !UNITS.contains(word))
        .collect();
    if !value.is_empty() {
        meanings.push(format!("{} {value}", bare.join("_")));
    }
    let digits = value.replace('_', "").to_lowercase();
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    match number {
        Ok(number) if number >= TELLING_NUMBER => meanings.push(format!("value {number}")),
        _ => {}
    }
    if value.starts_with('"') && value.len() >= TELLING_TEXT_LEN {
        meanings.push(format!("value {value}"));
    }
    meanings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.key).collect()
    }

    fn two(one: &str, other: &str) -> [Source; 2] {
        [
            Source::new("journal/src/writer/a.rs", one),
            Source::new("journal/src/writer/b.rs", other),
        ]
    }

    #[test]
    fn a_type_name_in_two_files_is_seen() {
        let other = "impl X {\n    type Two = u8;\n}\nfn f() {\n    enum One {}\n}\n";
        let found = type_findings(&two("pub(crate) struct One<'a>;\ntype Two = u8;\n", other));
        assert_eq!(keys(found), ["writer type One"]);
    }

    #[test]
    fn what_each_system_has_of_its_own_is_not_defined_twice() {
        let of = |one, other| {
            let text = "struct One;\nconst A: u8 = 1;\n";
            let sources = [Source::new(one, text), Source::new(other, text)];
            (
                type_findings(&sources).len(),
                constant_findings(&sources).len(),
            )
        };
        let unix = "journal/src/storage/unix/a.rs";
        assert_eq!(of(unix, "journal/src/storage/windows/a.rs"), (0, 0));
        assert_eq!(of(unix, "journal/src/storage/windows/b.rs"), (1, 1));
    }

    #[test]
    fn a_constant_is_seen_by_name_by_noun_and_by_value() {
        let count = |one, other| constant_findings(&two(one, other)).len();
        assert_eq!(count("const A: u8 = 1;", "pub const A: u8 = 2;"), 1);
        assert_eq!(
            count("const PAGE_LEN: u8 = 9;", "const PAGE_SIZE: u8 = 9;"),
            1
        );
        assert_eq!(
            count(
                "const A: u64 = 0x9e37_79b9_7f4a_7c15;",
                "const B: u64 = 0x9E3779B97F4A7C15;"
            ),
            1
        );
        assert_eq!(
            count(
                "const A: &str = \"a whole sentence\";",
                "const B: &str = \"a whole sentence\";"
            ),
            1
        );
        assert_eq!(count("const A: u8 = 1;", "const B: u8 = 1;"), 0);
        assert_eq!(count("const A_MAX: u8 = 1;", "const A_MIN: u8 = 1;"), 0);
    }

    #[test]
    fn names_that_went_out_of_use_are_seen() {
        let found = word_findings(&two("struct Slot;\nfn take_lane() {}\n", "fn slots() {}\n"));
        assert_eq!(keys(found), ["writer name Slot", "writer name take_lane"]);
        let elsewhere = [Source::new("journal/src/event/tender.rs", "struct Slot;\n")];
        assert_eq!(keys(word_findings(&elsewhere)), ["event name file tender"]);
    }
}
