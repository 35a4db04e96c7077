//! The words the project does not use, because another word already says it.

/// Words that stand in no public identifier and in nothing the command prints.
///
/// Words that are wrong in one meaning only ("index" for a sequence number) are left to readers.
const NEVER: [&str; 29] = [
    "block",
    "blocks",
    "body",
    "checkpoint",
    "chunk",
    "chunks",
    "committed",
    "compaction",
    "corrupt",
    "corrupted",
    "corruption",
    "data",
    "database",
    "entries",
    "entry",
    "epoch",
    "flushed",
    "gc",
    "hole",
    "lane",
    "lsn",
    "message",
    "persisted",
    "replay",
    "store",
    "truncate",
    "truncated",
    "truncation",
    "wal",
];

/// The unused words in an identifier, whether `snake_case`, `SHOUTED` or `CamelCase`.
#[must_use]
pub fn never_in_identifier(identifier: &str) -> Vec<&'static str> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    for c in identifier.chars() {
        let starts = c == '_' || words.is_empty() || (was_lower && c.is_uppercase());
        if starts {
            words.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    NEVER
        .into_iter()
        .filter(|never| words.iter().any(|word| word == never))
        .collect()
}

/// The unused words in a piece of text.
#[must_use]
pub fn never_in_text(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let words: Vec<&str> = text.split(|c| !is_letter(c)).collect();
    let mut found: Vec<&str> = NEVER
        .into_iter()
        .filter(|never| words.contains(never))
        .collect();
    found.extend(
        ["log file"]
            .into_iter()
            .filter(|never| text.contains(never)),
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_split_into_words() {
        assert_eq!(never_in_identifier("LogEntry"), ["entry"]);
        assert_eq!(never_in_identifier("read_chunk"), ["chunk"]);
        assert_eq!(never_in_identifier("LSN"), ["lsn"]);
        assert!(never_in_identifier("restore_unblocked").is_empty());
    }

    #[test]
    fn text_is_split_into_words() {
        assert_eq!(
            never_in_text("3 Entries, 1 log file"),
            ["entries", "log file"]
        );
        assert!(never_in_text("user-message of a data-base").is_empty());
    }
}
