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
  trace-recover cat traces latest
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
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  trace-recover grep traces E0308
  trace-recover grep traces -i 'connection (reset|refused)' --in output,text
  trace-recover grep traces -l TODO -S 7d

Exit codes: 0 found, 1 not all could be read, 3 found and damage, 4 nothing found")]
pub(crate) struct GrepArgs {
    /// The journals' directories, and the pattern
    #[arg(
        value_name = "DIR]... [PATTERN",
        required = true,
        allow_hyphen_values = false
    )]
    pub(crate) words: Vec<OsString>,
    /// Whatever the case of letters
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
    /// The pattern is plain text
    #[arg(short = 'F', long)]
    pub(crate) fixed_strings: bool,
    /// Only the sessions
    #[arg(short = 'l', long)]
    pub(crate) files_with_matches: bool,
    /// Only how many lines, a session each
    #[arg(short, long)]
    pub(crate) count: bool,
    /// At most N lines of a session
    #[arg(short, long, value_name = "N")]
    pub(crate) max_count: Option<usize>,
    /// N lines around each
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0)]
    pub(crate) context: usize,
    /// Where to look: input, output, text, log, name, meta
    #[arg(long = "in", value_name = "PLACE", value_delimiter = ',', value_enum)]
    pub(crate) places: Vec<SearchPlace>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SearchPlace {
    Input,
    Output,
    Text,
    Log,
    Name,
    Meta,
}

#[derive(Args, Debug)]
#[command(
    after_help = "KEY is day, week, month, session, model, tool, kind, file, or any name \
of metadata.

Examples:
  trace-recover stats traces
  trace-recover stats traces --by day,model -S 30d
  trace-recover stats traces --by tool --json | jq '.[] | select(.errors > 0)'

Exit codes: 0 done, 1 not all could be read, 3 damage, 4 nothing matched"
)]
pub(crate) struct StatsArgs {
    /// The journals' directories, and sessions
    #[arg(value_name = "DIR]... [SESSION", allow_negative_numbers = true)]
    pub(crate) words: Vec<OsString>,
    /// What to add up by
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) by: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Which column to sort by
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sort: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}
