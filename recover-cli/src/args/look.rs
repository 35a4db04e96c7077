//! What can be typed to look at sessions and records.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use crate::select::SelectionArgs;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover list traces
  trace-recover list traces --status crashed -S 7d
  trace-recover list traces --where cwd='*/retry' --sort cost -n 10
  trace-recover list traces --runs

Exit codes: 0 done, 1 not all could be read, 3 damage, 4 nothing matched")]
pub(crate) struct ListArgs {
    /// The journals' directories; behind them sessions
    #[arg(value_name = "DIR", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Whose title, id or metadata match this pattern
    #[arg(short, long, value_name = "REGEX", help_heading = "Selection")]
    pub(crate) grep: Option<String>,
    /// Runs instead of sessions
    #[arg(long)]
    pub(crate) runs: bool,
    /// What to sort by
    #[arg(long, value_enum, value_name = "COLUMN", default_value_t = SortBy::Last)]
    pub(crate) sort: SortBy,
    /// The ids that begin so, for completions
    #[arg(long, hide = true, value_name = "PREFIX")]
    pub(crate) ids: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    Last,
    Started,
    Duration,
    Spans,
    Tokens,
    Cost,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover cat traces -n 20
  trace-recover cat traces latest -f
  trace-recover cat traces --format ndjson | jq 'select(.type == \"span.end\")'

Exit codes: 0 done, 1 not all could be read, 3 damage, 4 no records")]
pub(crate) struct CatArgs {
    /// The journal's directory, and sessions
    #[arg(value_name = "DIR] [SESSION", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Whose shown text matches this pattern
    #[arg(short, long, value_name = "REGEX", help_heading = "Selection")]
    pub(crate) grep: Option<String>,
    /// The last ten, then what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Stop after N records
    #[arg(short, long, value_name = "N")]
    pub(crate) max_count: Option<usize>,
    /// How to print a record
    #[arg(long, value_enum, default_value_t = CatFormat::Text)]
    pub(crate) format: CatFormat,
    /// The journal's own records too
    #[arg(long)]
    pub(crate) system: bool,
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
