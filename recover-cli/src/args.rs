//! What can be typed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Recover the sessions of a trace journal after a crash.
///
/// With only a directory: says what is in it, what was lost, and what to type next. Nothing is
/// written into the journal by any command but `ingest` and `demo`.
#[derive(Debug, Parser)]
#[command(
    name = "trace-recover",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    override_usage = "trace-recover DIR\n       trace-recover <COMMAND> …",
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; nothing lost beyond an end that was never seen durable
  1  could not do it, or could not read some of the files
  2  wrong use
  3  done, but damage was found, durable records were lost or input was refused
  4  nothing matched
  5  refused: output exists
  130, 143, 129  ended by SIGINT, SIGTERM, SIGHUP";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let a worker do real work, kill it, and recover what it did
    Demo {
        /// The journal's directory; a fresh temporary one if left out
        dir: Option<PathBuf>,
    },
    /// Say what was lost, and write every session to a file
    Recover(RecoverArgs),
    /// One line per session, newest first
    List {
        /// The journal's directory
        dir: PathBuf,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// What a session did: its spans as a tree, its text, how it ended
    Show {
        /// The journal's directory
        dir: PathBuf,
        /// The session's id, or enough of its beginning
        session: String,
    },
    /// The records in order
    Cat(CatArgs),
    /// Read everything and say what is damaged
    Verify {
        /// The journal's directory
        dir: PathBuf,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write lines from a file or stdin into a journal
    Ingest(IngestArgs),
    #[command(hide = true)]
    DemoWorker {
        dir: PathBuf,
        tree: PathBuf,
        session: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RecoverArgs {
    /// The journal's directory
    pub(crate) dir: PathBuf,
    /// Write one file per session into this directory
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = FileFormat::Json)]
    pub(crate) format: FileFormat,
    /// Only this session: its id, or enough of its beginning; may be repeated
    #[arg(long = "session", value_name = "ID")]
    pub(crate) sessions: Vec<String>,
    /// What to make of damage
    #[arg(long, value_enum, default_value_t = ModeName::Salvage)]
    pub(crate) mode: ModeName,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CatArgs {
    /// The journal's directory
    pub(crate) dir: PathBuf,
    /// Only this session: its id, or enough of its beginning
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// How to print a record
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// The journal's own records too
    #[arg(long)]
    pub(crate) system: bool,
}

#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    /// The journal's directory; made if it is not there
    pub(crate) dir: PathBuf,
    /// What a line is: an event as a JSON object, or any bytes
    #[arg(long, value_enum, default_value_t = LineForm::Events)]
    pub(crate) from: LineForm,
    /// The session of lines that name none
    #[arg(long, value_name = "ID", required_if_eq("from", "lines"))]
    pub(crate) session: Option<String>,
    /// Print the sequence number of each line's record as soon as it is written, or durable
    #[arg(long, value_enum)]
    ack: Option<Ack>,
    /// What an acknowledgement says; `line` alone means `--ack written`
    #[arg(long, value_enum, default_value_t = AckFormat::Seq)]
    pub(crate) ack_format: AckFormat,
    /// The file to read; stdin if left out or `-`
    pub(crate) file: Option<PathBuf>,
}

impl IngestArgs {
    /// What is acknowledged, and when.
    pub(crate) fn ack(&self) -> Ack {
        let unsaid = match self.ack_format {
            AckFormat::Seq => Ack::None,
            AckFormat::Line => Ack::Written,
        };
        self.ack.unwrap_or(unsaid)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatFormat {
    /// For people
    Text,
    /// JSON, one object a line, as `ingest` reads it
    Ndjson,
    /// The payloads of lines and raw records as they are
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// Everything known, as JSON
    Json,
    /// The file that agent trace viewers read
    Tracefile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// Take everything that is intact, and report what is not
    Salvage,
    /// Stop each run at its first gap
    Prefix,
    /// Write nothing if there is damage
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineForm {
    /// One event a line, as a JSON object
    Events,
    /// Every line verbatim as one record
    Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ack {
    /// Print nothing
    None,
    /// As soon as it survives the death of this process
    Written,
    /// As soon as it survives power loss
    Durable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckFormat {
    /// `<seq>` for every line that was taken
    Seq,
    /// `<line> <seq|refused>` for every line; `<line> -` for a blank one, which has no record
    Line,
}

/// What the first word means: a verb, a directory to recover, or a slip.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstWord {
    /// Left to the parser.
    Command,
    /// `recover` is understood before it.
    Directory,
    /// No path, and close to this verb.
    Near(String),
}

/// Decides what the first word is; `exists` says whether it names something in the file system.
pub(crate) fn first_word(word: &str, exists: bool) -> FirstWord {
    let command = Cli::command();
    let mut verbs: Vec<&str> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| verb.get_name())
        .collect();
    verbs.push("help");
    let is_parsed = command
        .get_subcommands()
        .any(|verb| verb.get_name() == word);
    if is_parsed || verbs.contains(&word) || word.starts_with('-') {
        return FirstWord::Command;
    }
    if exists || word.contains(['/', '\\', '.']) {
        return FirstWord::Directory;
    }
    let distance = |verb: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), verb);
    match verbs.into_iter().min_by_key(distance) {
        Some(verb) if distance(&verb) <= verb.len() / 2 => FirstWord::Near(verb.to_owned()),
        _ => FirstWord::Directory,
    }
}

/// The arguments, with the verb that a lone directory stands for put in.
pub(crate) fn with_command(mut words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(word) = words.get(1) else {
        return Ok(words);
    };
    if word == "help" {
        words.remove(1);
        words.truncate(2);
        words.push("--help".into());
        return Ok(words);
    }
    match first_word(&word.to_string_lossy(), Path::new(word).exists()) {
        FirstWord::Command => {}
        FirstWord::Directory => words.insert(1, "recover".into()),
        FirstWord::Near(verb) => {
            let word = crate::escape::one_line(&word.to_string_lossy()).into_owned();
            return Err(format!(
                "{word} is neither a command nor a directory; did you mean \"{verb}\"?"
            ));
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_slip_is_told_from_a_directory() {
        let near = |verb: &str| FirstWord::Near(verb.to_owned());
        assert_eq!(first_word("list", true), FirstWord::Command);
        assert_eq!(first_word("--help", false), FirstWord::Command);
        assert_eq!(first_word("lst", false), near("list"));
        assert_eq!(first_word("lst", true), FirstWord::Directory);
        assert_eq!(first_word("./lst", false), FirstWord::Directory);
        assert_eq!(first_word("recvoer", false), near("recover"));
        assert_eq!(first_word("traces-of-today", false), FirstWord::Directory);
    }

    #[test]
    fn a_lone_directory_is_recovered() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let completed = with_command(words(&["trace-recover", "/tmp", "--json"])).unwrap();
        assert_eq!(
            completed,
            words(&["trace-recover", "recover", "/tmp", "--json"])
        );
        assert!(with_command(words(&["trace-recover", "lsit"])).is_err());
    }
}
