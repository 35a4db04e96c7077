//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

mod look;
mod transfer;

pub(crate) use look::{CatArgs, CatFormat, GrepArgs, ListArgs, SearchPlace, SortBy, StatsArgs};
pub(crate) use transfer::{
    Ack, AckFormat, ExportArgs, FileFormat, IngestArgs, LineForm, ModeName, RecoverArgs,
};

/// What happened in the sessions of a trace journal, after a crash or at any time.
///
/// With only a directory: what is there, what crashed, and what it was doing. Nothing is written
/// into the journal by any command but `ingest` and `demo`.
#[derive(Debug, Parser)]
#[command(
    name = "trace-recover",
    version = VERSION,
    disable_help_subcommand = true,
    override_usage = "trace-recover [DIR]\n       trace-recover <COMMAND> …",
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What any verb takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// The journal's directory; else $TRACE_JOURNAL_DIR, or the current one
    #[arg(short = 'D', long = "dir", value_name = "DIR", global = true)]
    pub(crate) dirs: Vec<PathBuf>,
    /// Whether to use colours
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto, global = true)]
    pub(crate) color: ColorChoice,
    /// Times in UTC
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// Never through a pager
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// No bar while it takes long
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    ", reads and writes journals of format 1"
);

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
    /// What is there, what crashed, what it was doing (no verb needed)
    Status(StatusArgs),
    /// One session: as a tree, as a chat, as text to go on with
    Show(ShowArgs),
    /// Read everything and say what is damaged
    Verify(VerifyArgs),
    /// Sessions, or runs, one a line, newest first
    List(ListArgs),
    /// Search what was said, called and printed
    Grep(GrepArgs),
    /// The records in order
    Cat(CatArgs),
    /// Tokens, cost, time, errors by day, model, tool, session
    Stats(StatsArgs),
    /// Sessions as json or tracefile
    Export(ExportArgs),
    /// Export all sessions, after reading everything
    Recover(RecoverArgs),
    /// Write lines from a file or stdin into a journal
    Ingest(IngestArgs),
    /// Let a worker do real work, kill it, and recover what it did
    Demo {
        /// The journal's directory; a fresh temporary one if left out
        dir: Option<PathBuf>,
    },
    /// Completions for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(hide = true)]
    DemoWorker {
        dir: PathBuf,
        tree: PathBuf,
        session: String,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover                     the journal in the current directory
  trace-recover traces
  trace-recover traces --short      one line if something crashed, for a shell's start

Exit codes: 0 done, 1 not all could be read, 3 damage, 4 no sessions")]
pub(crate) struct StatusArgs {
    /// The journal's directory
    #[arg(value_name = "DIR")]
    pub(crate) words: Vec<OsString>,
    /// One line, and nothing if all is well
    #[arg(long)]
    pub(crate) short: bool,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "SESSION is an id or its beginning, -1 for the last one, -2, …, latest, or \
crashed; left out, the one that `status` tells of.

Examples:
  trace-recover show traces crashed
  trace-recover show traces -1 --only errors
  trace-recover show traces ses_7f3a --as handoff > go-on.md
  trace-recover show traces ses_7f3a --json | jq .totals

Exit codes: 0 done, 1 not all could be read, 2 wrong use, 3 damage, 4 no such session"
)]
pub(crate) struct ShowArgs {
    /// The journal's directory, and the session
    #[arg(value_name = "DIR] [SESSION", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    /// How to show it
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = Form::Tree)]
    pub(crate) form: Form,
    /// One span, whole: its input, output, texts, attributes
    #[arg(long, value_name = "ID")]
    pub(crate) span: Option<String>,
    /// Only spans that failed, or were open at the end, and what they are in
    #[arg(long, value_enum)]
    pub(crate) only: Option<Only>,
    /// Nothing cut
    #[arg(long)]
    pub(crate) full: bool,
    /// Characters of a handoff at most
    #[arg(long, value_name = "N", default_value_t = 12_000)]
    pub(crate) max_chars: usize,
    /// Print the snapshot as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A line a span
    Tree,
    /// To read
    Chat,
    /// Markdown to go on with
    Handoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    Errors,
    Open,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover verify traces
  trace-recover verify traces --segments | grep -v reason=none
  trace-recover verify traces -q && echo whole

Exit codes: 0 nothing lost, 1 not all could be read, 3 damage, 4 no sessions")]
pub(crate) struct VerifyArgs {
    /// The journals' directories
    #[arg(value_name = "DIR")]
    pub(crate) words: Vec<OsString>,
    /// Believe the caches of finished segments
    #[arg(long)]
    pub(crate) quick: bool,
    /// One line for each segment and damaged place, for grep
    #[arg(long)]
    pub(crate) segments: bool,
    /// When to exit with 3
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = FailOn::Damage)]
    pub(crate) fail_on: FailOn,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Also if an end is missing that was never seen durable
    Tail,
    /// If anything durable was lost or damaged
    Damage,
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
