//! What the first word means: a verb, a word that people type for one, a directory, or a slip.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::error::CliError;
use crate::escape::one_line;

/// Words of other tools, and what is run for them.
const ALIASES: [(&str, &[&str]); 18] = [
    ("ls", &["list"]),
    ("view", &["show"]),
    ("log", &["cat"]),
    ("logs", &["cat"]),
    ("tail", &["cat", "-n", "10"]),
    ("search", &["grep"]),
    ("find", &["grep"]),
    ("info", &["status"]),
    ("summary", &["status"]),
    ("du", &["stats", "--by", "session"]),
    ("daily", &["stats", "--by", "day"]),
    ("get", &["export"]),
    ("completions", &["completion"]),
    ("check", &["verify"]),
    ("doctor", &["verify"]),
    ("fsck", &["verify"]),
    ("runs", &["list", "--runs"]),
    ("import", &["ingest"]),
];

/// Words of other tools that nothing stands for, and what to do instead.
const REFUSED: [(&str, &str); 12] = [
    ("repair", NO_REPAIR),
    ("fix", NO_REPAIR),
    ("--fix", NO_REPAIR),
    ("--repair", NO_REPAIR),
    ("resume", NO_RESUME),
    ("continue", NO_RESUME),
    ("--verify", "say `verify`"),
    ("--list-boots", "say `list --runs`"),
    ("--disk-usage", "say `stats --by session`"),
    ("--header", "say `status`"),
    ("-b", "say `list --runs`"),
    ("-e", "the pager's end key goes to the end: say `cat`"),
];

const NO_REPAIR: &str = "nothing is repaired in place: all that is intact is read as it is, and \
                         `export DIR -o OUT` writes it to files";
const NO_RESUME: &str = "the agent resumes its session; `show --as handoff` prints text to go on \
                         with";

/// Options in front of the verb that are followed by a word of their own.
const WITH_VALUE: [&str; 3] = ["-D", "--dir", "--color"];

/// Options in front of the verb that stand alone.
const ALONE: [&str; 8] = [
    "-q",
    "--quiet",
    "-v",
    "--verbose",
    "--utc",
    "--no-pager",
    "--no-progress",
    "--",
];

/// The arguments with the verb in them that the first word stands for.
pub(crate) fn with_verb(mut words: Vec<OsString>) -> Result<Vec<OsString>, CliError> {
    let at = first_place(&words);
    let Some(word) = words
        .get(at)
        .map(|word| word.to_string_lossy().into_owned())
    else {
        words.insert(at.min(words.len()), DEFAULT.into());
        return Ok(words);
    };
    if word == "help" {
        words.remove(at);
        words.truncate(at + 1);
        words.push("--help".into());
        return Ok(words);
    }
    if let Some((_, told)) = REFUSED.iter().find(|(name, _)| *name == word) {
        return Err(CliError::Usage((*told).to_owned()));
    }
    if word.starts_with("--vacuum") {
        let told = "nothing removes sessions yet; `stats --by session` says what takes the space";
        return Err(CliError::Usage(told.to_owned()));
    }
    if is_verb(&word) || HELP.contains(&&*word) {
        return Ok(words);
    }
    if let Some((_, meant)) = ALIASES.iter().find(|(name, _)| *name == word) {
        let meant = meant.iter().map(OsString::from);
        words.splice(at..=at, meant);
        return Ok(words);
    }
    if word.starts_with('-') || Path::new(&words[at]).exists() {
        words.insert(at, DEFAULT.into());
        return Ok(words);
    }
    Err(slip(&word))
}

/// The verb of a lone directory.
const DEFAULT: &str = "status";

const HELP: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// Where the first word stands behind options that any verb takes.
fn first_place(words: &[OsString]) -> usize {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        if WITH_VALUE.iter().any(|option| word == option) {
            at += 2;
        } else if ALONE.iter().any(|option| word == option)
            || word.to_string_lossy().starts_with("--color=")
            || word.to_string_lossy().starts_with("--dir=")
        {
            at += 1;
        } else {
            break;
        }
    }
    at.min(words.len())
}

fn is_verb(word: &str) -> bool {
    let command = Cli::command();
    command
        .get_subcommands()
        .any(|verb| verb.get_name() == word)
}

/// A word that names nothing: it is never taken for a directory.
fn slip(word: &str) -> CliError {
    let shown = one_line(word);
    if word.contains(['/', '\\']) {
        return CliError::CouldNot(format!("{shown}: no such directory"));
    }
    let near = near(word);
    let mut words = format!("{shown} is no command and no directory");
    if !near.is_empty() {
        words.push_str("; did you mean ");
        words.push_str(&near.join(" or "));
        words.push('?');
    }
    CliError::Usage(words)
}

/// The verbs that are like it, nearest first.
fn near(word: &str) -> Vec<String> {
    let command = Cli::command();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let word = word.to_lowercase();
    let mut near: Vec<(usize, String)> = verbs
        .map(|verb| verb.get_name())
        .map(|verb| (strsim::damerau_levenshtein(&word, verb), verb.to_owned()))
        .filter(|(far, verb)| *far <= verb.len().max(word.len()) / 2)
        .collect();
    near.sort();
    near.truncate(2);
    near.into_iter().map(|(_, verb)| verb).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(words: &str) -> String {
        let words = words.split_whitespace().map(OsString::from);
        let words = std::iter::once("trace-recover".into()).chain(words);
        match with_verb(words.collect()) {
            Ok(words) => {
                let words = words.iter().map(|word| word.to_string_lossy());
                words.skip(1).collect::<Vec<_>>().join(" ")
            }
            Err(error) => {
                let (exit, words) = error.parts();
                format!("{}: {}", exit.number(), words.unwrap_or_default())
            }
        }
    }

    #[test]
    fn a_verb_is_put_in_where_none_is() {
        for (typed, meant) in [
            ("", "status"),
            ("/tmp", "status /tmp"),
            ("/tmp --json", "status /tmp --json"),
            ("--json", "status --json"),
            ("-D /tmp", "-D /tmp status"),
            ("-D /tmp list", "-D /tmp list"),
            ("--color always -q /tmp", "--color always -q status /tmp"),
            ("list /tmp", "list /tmp"),
            ("help show", "show --help"),
            ("--help", "--help"),
        ] {
            assert_eq!(understood(typed), meant, "{typed}");
        }
    }

    #[test]
    fn words_of_other_tools_are_understood() {
        for (word, meant) in ALIASES {
            let typed = format!("{word} /tmp -q");
            assert_eq!(understood(&typed), format!("{} /tmp -q", meant.join(" ")));
            assert!(is_verb(meant[0]), "{word} stands for a verb");
        }
        for (word, told) in REFUSED {
            assert_eq!(understood(&format!("{word} x")), format!("2: {told}"));
        }
    }

    #[test]
    fn a_word_that_names_nothing_is_no_directory() {
        assert_eq!(
            understood("lsit traces"),
            "2: lsit is no command and no directory; did you mean list?"
        );
        assert_eq!(
            understood("events"),
            "2: events is no command and no directory"
        );
        assert_eq!(understood("./no/such"), "1: ./no/such: no such directory");
    }
}
