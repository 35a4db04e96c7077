//! How a command that printed something ends, and what it warns of.

use std::path::Path;

use trace_journal::{Loss, Report};

use super::trouble::{argument_of, say_compressed, say_unread, shown};
use crate::error::{ExitStatus, Result};
use crate::format::counted;
use crate::output::{Output, program, warn};

/// The exit code of a command that printed `count` things, and words about what is not well.
pub(super) fn finish(
    dir: &Path,
    report: &Report,
    count: usize,
    output: &mut Output,
) -> Result<ExitStatus> {
    // What is said comes behind what is shown.
    output.show()?;
    say_unread(dir, report);
    say_compressed(report);
    let exit = ExitStatus::of(report.outcome);
    if exit == ExitStatus::NothingMatched || exit == ExitStatus::Done && count == 0 {
        warn(&format!("trace-recover: no sessions in {}", shown(dir)));
    }
    if report.counts.refused > 0 {
        let records = counted(report.counts.refused, "record was", "records were");
        let (program, at) = (program(), argument_of(dir));
        warn(&format!(
            "trace-recover: {records} refused, so they are missing; {program} verify {at}"
        ));
    }
    if exit == ExitStatus::Lost && report.loss == Loss::Damage {
        let program = program();
        let lost = match (report.counts.lost_durable, report.counts.lost_unwitnessed) {
            (0, 0) => "records may be lost".to_owned(),
            (0, lost) => counted(lost, "record lost", "records lost"),
            (lost, _) => counted(lost, "durable record lost", "durable records lost"),
        };
        let at = shown(dir);
        warn(&format!(
            "trace-recover: {at} is damaged: {lost}; {program} verify {}",
            argument_of(dir)
        ));
    }
    if exit == ExitStatus::Done && count == 0 {
        return Ok(ExitStatus::NothingMatched);
    }
    Ok(exit)
}

/// Says of which segments only the caches were read, and where caches told otherwise.
pub(super) fn say_believed(dir: &Path, report: &Report, output: &mut Output) -> Result<()> {
    output.show()?;
    if report.believed > 0 && output.is_verbose() {
        let believed = counted(report.believed, "segment", "segments");
        let (program, dir) = (program(), argument_of(dir));
        output.note(&format!(
            "of {believed} the caches were believed; {program} verify {dir}"
        ));
    }
    if report.contradicted {
        output.note("caches told otherwise than their segments: everything was read");
    }
    Ok(())
}
