//! What can be typed to take sessions out of a journal, or to put them in.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::select::SelectionArgs;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover export traces -1 | jq .totals
  trace-recover export traces --status crashed -o OUT

Exit codes: 0 done, 1 could not, 2 wrong use, 3 damage, 4 nothing matched, 5 output exists")]
pub(crate) struct ExportArgs {
    /// The journal's directory, and sessions
    #[arg(value_name = "DIR] [SESSION", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Write one file per session into this directory; - is stdout
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t = FileFormat::Json)]
    pub(crate) format: FileFormat,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Write only what is not there or has changed
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) update: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RecoverArgs {
    /// The journal's directory
    #[arg(value_name = "DIR")]
    pub(crate) words: Vec<OsString>,
    /// Write one file per session into this directory; - is stdout
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
