//! The report as lines: greppable first, a hint last.

use std::path::Path;

use trace_journal::{DamagedRange, Report, SegmentReport, Seq, SessionReport, SessionStatus};

use crate::escape::one_line;
use crate::failure::Outcome;
use crate::output::{Output, program};
use crate::text::quoted;

/// One line a segment and a damaged place, then a summary, then what to type next.
pub(super) fn print(
    report: &Report,
    dir: &Path,
    is_written: bool,
    output: &mut Output,
) -> Outcome<()> {
    for segment in &report.segments {
        output.line(&segment_line(segment))?;
    }
    for range in &report.ranges {
        output.line(&range_line(range))?;
    }
    let sessions = &report.sessions;
    let is_crashed = |session: &&SessionReport| session.status == SessionStatus::Crashed;
    let crashed: Vec<&SessionReport> = sessions.iter().filter(is_crashed).collect();
    let interrupted: u64 = sessions.iter().map(|session| session.interrupted).sum();
    output.line(&format!(
        "loss={} missing={} sessions={} crashed={} interrupted={interrupted}",
        report.loss.as_str(),
        report.missing(),
        sessions.len(),
        crashed.len()
    ))?;
    let (program, dir) = (program(), quoted(&dir.display().to_string()));
    let hint = match crashed.last() {
        _ if sessions.is_empty() => format!("{program} cat {dir} --system"),
        Some(crashed) => format!("{program} show {dir} {}", quoted(&crashed.id)),
        None => format!("{program} list {dir}"),
    };
    output.line(&format!("next: {hint}"))?;
    if !sessions.is_empty() && !is_written {
        output.line(&format!(
            "      {program} recover {dir} -o OUT   (a file for each session)"
        ))?;
    }
    Ok(())
}

fn segment_line(segment: &SegmentReport) -> String {
    let seq = match (segment.first_seq, segment.last_seq) {
        (Some(first), Some(last)) => format!("{first}..{last}"),
        _ => "none".to_owned(),
    };
    format!(
        "segment={} size={} ok_up_to={} records={} seq={seq} state={} reason={}",
        one_line(&segment.file),
        segment.size,
        segment.ok_up_to,
        segment.records,
        segment.state.as_str(),
        segment.reason.map_or("none", |reason| reason.code())
    )
}

fn range_line(range: &DamagedRange) -> String {
    let number = |seq: Option<Seq>| seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
    let missing = match range.first_missing {
        Some(first) => format!("{first}..{}", number(range.last_missing)),
        None => "none".to_owned(),
    };
    format!(
        "range={} offset={} len={} reason={} missing={missing} durable={}",
        one_line(&range.file),
        range.offset,
        range.len,
        range.reason.code(),
        range.durable
    )
}
