//! `verify`: reads everything and says what is damaged.

use std::path::{Path, PathBuf};

use serde::Serialize;
use trace_journal::{Loss, Reader, Report};

use super::trouble::{argument_of, explain, say_compressed, say_unread, shown, summaries};
use crate::args::{FailOn, VerifyArgs};
use crate::error::{CliError, ExitStatus, Result};
use crate::escape::one_line;
use crate::output::{Output, program, warn};
use crate::place::locate;
use crate::quote::id_argument;
use crate::view::{segments, verify};

pub(super) fn run(args: &VerifyArgs, dirs: &[PathBuf], output: &mut Output) -> Result<ExitStatus> {
    let named = locate(&args.words, dirs, usize::MAX)?;
    if let Some(word) = named.rest.first() {
        let word = one_line(word);
        return Err(CliError::CouldNot(format!("{word}: no such directory")));
    }
    let mut worst = ExitStatus::Done;
    for dir in &named.journals {
        let report = report(dir, args.quick)?;
        let about = About {
            dir,
            exit: ExitStatus::of(report.outcome),
            has_segments: args.segments,
            is_json: args.json,
        };
        print(&report, &about, output)?;
        worst = worse(worst, exit(&report, args.fail_on));
    }
    Ok(worst)
}

fn report(dir: &Path, is_quick: bool) -> Result<Report> {
    match is_quick {
        true => summaries(dir).map(|(_, report)| report),
        false => {
            let told = Reader::options().verify(true).report(dir);
            told.map_err(|error| explain(dir, error))
        }
    }
}

/// What a report is of, and how it is printed.
pub(super) struct About<'a> {
    pub(super) dir: &'a Path,
    /// How the command ends.
    pub(super) exit: ExitStatus,
    pub(super) has_segments: bool,
    pub(super) is_json: bool,
}

/// A report as JSON, and how the command ends.
#[derive(Serialize)]
struct Told<'r> {
    #[serde(flatten)]
    report: &'r Report,
    exit_code: u8,
}

/// Prints a report, and says what is not well with the files.
pub(super) fn print(report: &Report, about: &About<'_>, output: &mut Output) -> Result<()> {
    let dir = about.dir;
    match (output.is_quiet(), about.is_json, about.has_segments) {
        (_, true, _) => output.json(&Told {
            report,
            exit_code: about.exit.number(),
        })?,
        (true, ..) => {}
        (_, _, true) => segments::print(report, output)?,
        _ => verify::print(report, dir, output)?,
    }
    output.show()?;
    say_unread(dir, report);
    say_compressed(report);
    if about.exit == ExitStatus::NothingMatched {
        warn(&format!("trace-recover: no sessions in {}", shown(dir)));
    }
    hint(report, dir, output);
    Ok(())
}

fn hint(report: &Report, dir: &Path, output: &mut Output) {
    let is_hit = |loss: Loss| loss == Loss::Damage;
    let (program, dir) = (program(), argument_of(dir));
    if let Some(hit) = report.sessions.iter().rfind(|session| is_hit(session.loss)) {
        output.hint(
            &format!("{program} show {dir} {}", id_argument(&hit.id)),
            "",
        );
    }
    if is_hit(report.loss) && !report.sessions.is_empty() {
        let about = "all that is intact, a file for each session";
        output.hint(&format!("{program} recover {dir} -o OUT"), about);
    }
}

/// How it ends, by what counts as a failure.
fn exit(report: &Report, fail_on: FailOn) -> ExitStatus {
    let exit = ExitStatus::of(report.outcome);
    match (exit, fail_on) {
        (ExitStatus::Lost, FailOn::Never) => ExitStatus::Done,
        (ExitStatus::Done, FailOn::Tail) if report.loss == Loss::Tail => ExitStatus::Lost,
        (exit, _) => exit,
    }
}

/// The end of several: what could not be done comes before damage.
fn worse(one: ExitStatus, other: ExitStatus) -> ExitStatus {
    let order = [
        ExitStatus::CouldNot,
        ExitStatus::Lost,
        ExitStatus::NothingMatched,
    ];
    let worst = order
        .into_iter()
        .find(|exit| *exit == one || *exit == other);
    worst.unwrap_or(ExitStatus::Done)
}
