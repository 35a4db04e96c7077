//! `demo`: a worker does real work, is killed while at it, and is recovered.

pub(super) mod agent;
mod protocol;
mod session;
mod supervisor;
mod tools;
mod verify;
mod walk;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use trace_journal::{Reader, Timestamp};

use super::status;
use crate::error::{CliError, ExitStatus, Result, could_not, failed};
use crate::escape::one_line;
use crate::format::grouped;
use crate::output::Output;
use crate::place::holds_segments;

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

pub(super) fn run(dir: Option<&Path>, output: &mut Output) -> Result<ExitStatus> {
    let dir = journal_directory(dir)?;
    let tree = env::current_dir().map_err(|error| failed("find the current directory", &error))?;
    let tree = walk::place(tree);
    let session = format!("demo-{}", Timestamp::now().as_unix_milliseconds());

    let seen = supervisor::run(&dir, &tree, &session, output)?;
    let (count, pid) = (grouped(&seen.acknowledged.len().to_string()), seen.pid);
    let tool = &seen.tool;
    output.line("")?;
    output.line(&output.styled(BAD, &format!("kill -9 {pid}")))?;
    output.line(&format!(
        "The worker is dead: {count} records acknowledged, {tool} still running."
    ))?;

    let reader = Reader::open(&dir).map_err(could_not)?;
    output.line("")?;
    heading("What the journal still knows", output)?;
    status::print(&dir, output)?;
    output.line("")?;
    heading("The proof", output)?;
    let proof = verify::compare(&reader, &session, &seen)?;
    let style = if proof.holds() { GOOD } else { BAD };
    output.line(&output.styled(style, &proof.line()))?;
    if let Some(remark) = proof.remark() {
        output.line(&output.styled(QUIET, &remark))?;
    }
    let dir = one_line(&dir.display().to_string()).into_owned();
    output.line(&output.styled(QUIET, &format!("The journal is in {dir}.")))?;
    Ok(if proof.holds() {
        ExitStatus::Done
    } else {
        ExitStatus::Lost
    })
}

/// The directory asked for, or a fresh one that stays.
fn journal_directory(dir: Option<&Path>) -> Result<PathBuf> {
    if let Some(dir) = dir {
        if holds_segments(dir) {
            let dir = one_line(&dir.display().to_string()).into_owned();
            let words = format!("{dir} holds a journal: the demo makes a new one");
            return Err(CliError::Refused(words));
        }
        fs::create_dir_all(dir).map_err(|error| failed(&dir.display().to_string(), &error))?;
        return Ok(dir.to_owned());
    }
    let kept = tempfile::Builder::new()
        .prefix("trace-demo-")
        .tempdir()
        .map_err(|error| failed("make a temporary directory", &error))?;
    Ok(kept.keep())
}

fn heading(words: &str, output: &mut Output) -> Result<()> {
    let line = output.styled(TITLE, words);
    output.line(&line)
}
