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

/// Invented words, which no name has: the field has a word, or plain English says more.
const INVENTED: [&str; 21] = [
    "awaited",
    "bell",
    "careless",
    "crew",
    "door",
    "errand",
    "errands",
    "feeder",
    "gather",
    "gathering",
    "glance",
    "meanwhile",
    "metered",
    "outgoing",
    "patience",
    "puppet",
    "rotten",
    "scribe",
    "skim",
    "swell",
    "tender",
];

/// Words of comments that leave open which thread, caller or process is meant.
const NOBODY: [&str; 8] = [
    "anybody", "anyone", "nobody", "somebody", "someone", "who", "whoever", "whom",
];

/// Names that a better one has replaced: the area, its files, its types and functions.
const OUT_OF_USE: [(&str, &str, &str); 12] = [
    (
        "writer",
        "awaited_tests bell control controls core declared errors facts group indexing lane mark \
         model next outgoing patience positioned primitives renewal reserve run_file sessions slot \
         stuck tender unsynced waiters window",
        "AppendFailure Batch Before Control Core CoreFacts Decision Facts Fate FrameWords \
         Gathering Group Lane Member NextSegment Openings Outgoing Past Reading ReserveWord Slot \
         Stuck TakeNext Taken Tally Task Turn Unsynced Waiters Waiting Window expect_awaited \
         help_sync left_to_helper lock_lane make_ahead store_in_place with_working",
    ),
    ("journal", "", "Door"),
    ("after_crash", "after_crash", ""),
    ("opening", "opening", ""),
    (
        "storage",
        "data_behind trim_cache",
        "Region data_behind trim_cache",
    ),
    (
        "segment",
        "ahead candidate due held portion scanned window",
        "Stretch Unread",
    ),
    (
        "recovery",
        "classes content covered ends facts fates joint judge neighbours numbering part places \
         probe section",
        "Fates Neighbours",
    ),
    ("digest", "kept spans", "Digest"),
    (
        "event",
        "glance member_name names plain samples syntax unread",
        "Glance MemberName Payload Told Unread maybe skim",
    ),
    ("reader", "crew gather places view", "Crew Gatherer"),
    ("snapshot", "fold/verdict fold/work home named payloads", ""),
    ("session", "finish handle offsets written", ""),
];

/// The same for the crates around the library.
const OUT_OF_USE_AROUND: [(&str, &str, &str); 2] = [
    (
        "recover-cli",
        "demo/pipe demo/proof demo/tree demo/watch demo/work demo/worker failure text",
        "Exit Failure Outcome Typed Verb paint say",
    ),
    (
        "tests",
        "acts apart careless counting explore/after explore/case explore/tally feeder frozen \
         fuzz/look fuzz/planted meanwhile metered plain puppet rotten scribe shown swell watched",
        "Careless Feeder Metered Puppet Rotten Scribe Tally",
    ),
];

/// Public identifiers that keep a word we do not use, because another format has it.
const FOREIGN_NAMES: [(&str, &str); 11] = [
    ("event", "data"),
    ("event", "message"),
    ("event", "status_message"),
    ("event", "USER_MESSAGE"),
    ("export", "status_message"),
    ("panic_hook", "message"),
    ("session", "status_message"),
    ("snapshot", "message"),
    ("snapshot", "status_message"),
    // A directory entry, as the standard library calls it.
    ("storage", "Entry"),
    ("storage", "entry"),
];

/// Words that private names of an area share with the file system or with atomics.
const FOREIGN_WORDS: [(&str, &str); 8] = [
    ("recovery", "data"),
    ("segment", "blocks"),
    ("segment", "data"),
    ("segment", "hole"),
    ("storage", "data"),
    ("storage", "hole"),
    ("writer", "committed"),
    ("writer", "store"),
];

/// Whether a name with an unused word comes from another format.
#[must_use]
pub fn is_foreign(area: &str, name: &str) -> bool {
    FOREIGN_NAMES.contains(&(area, name))
}

/// Whether a private name may keep an unused word.
#[must_use]
pub fn is_foreign_word(area: &str, word: &str) -> bool {
    FOREIGN_WORDS.contains(&(area, word))
}

/// The names in the path `place` of a file that the area has given up.
pub fn files_out_of_use(area: &str, place: &str) -> impl Iterator<Item = &'static str> {
    let place = format!("/{place}/");
    let gone = out_of_use(area).flat_map(|(_, files, _)| files.split_whitespace());
    gone.filter(move |gone| place.contains(&format!("/{gone}/")))
}

/// Whether a type or function has a name that the area has given up.
#[must_use]
pub fn is_name_out_of_use(area: &str, name: &str) -> bool {
    out_of_use(area).any(|(_, _, names)| names.split_whitespace().any(|gone| gone == name))
}

fn out_of_use(
    area: &str,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let rows = OUT_OF_USE.iter().chain(&OUT_OF_USE_AROUND);
    rows.filter(move |(place, _, _)| *place == area)
}

/// The invented words in an identifier.
#[must_use]
pub fn invented_in_identifier(identifier: &str) -> Vec<&'static str> {
    let words = identifier_words(identifier);
    INVENTED
        .into_iter()
        .filter(|never| words.iter().any(|word| word == never))
        .collect()
}

/// The words in a comment that name no thread, caller or process.
#[must_use]
pub fn nobody_in_comment(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    NOBODY
        .into_iter()
        .filter(|never| words.contains(never))
        .collect()
}

/// The unused words in an identifier, whether `snake_case`, `SHOUTED` or `CamelCase`.
#[must_use]
pub fn never_in_identifier(identifier: &str) -> Vec<&'static str> {
    let words = identifier_words(identifier);
    NEVER
        .into_iter()
        .filter(|never| words.iter().any(|word| word == never))
        .collect()
}

fn identifier_words(identifier: &str) -> Vec<String> {
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
    words
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
