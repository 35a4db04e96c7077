//! The report as lines: the verdict first, then what is not well, a hint last.

use std::path::Path;

use trace_journal::{
    DamagedRange, Loss, Report, SegmentReport, SegmentState, Seq, SessionReport, SessionStatus,
};
use trace_journal::{RefusedReport, RunReport};

use crate::error::{ExitStatus, Result};
use crate::escape::one_line;
use crate::format::counted;
use crate::output::{Output, program};
use crate::quote::{argument, id_argument};

/// A summary, one line a damaged place and a segment, then what to type next.
pub(super) fn print(
    report: &Report,
    dir: &Path,
    is_written: bool,
    output: &mut Output,
) -> Result<()> {
    output.folded(&verdict(report), 2)?;
    if report.later_kinds > 0 {
        let records = counted(report.later_kinds, "record is", "records are");
        let words = format!(
            "later-kinds={}: {records} for a later version to read",
            report.later_kinds
        );
        output.folded(&words, 2)?;
    }
    for range in &report.ranges {
        output.folded(&range_line(range), 2)?;
    }
    for run in &report.runs {
        if let Some(refusals) = &run.refusals {
            output.folded(&refused_line(run, refusals), 2)?;
        }
    }
    for session in report.sessions.iter().filter(|session| is_hit(session)) {
        output.folded(&session_line(session), 2)?;
    }
    let (sound, odd): (Vec<_>, Vec<_>) = report.segments.iter().partition(|one| is_sound(one));
    for segment in odd {
        output.folded(&segment_line(segment), 2)?;
    }
    // A person is looking for what is not well.
    let shown = match output.is_bounded() {
        true => sound.len().min(SOUND_SEGMENTS_MAX),
        false => sound.len(),
    };
    for segment in sound.iter().take(shown) {
        output.folded(&segment_line(segment), 2)?;
    }
    if shown < sound.len() {
        let more = u64::try_from(sound.len() - shown).unwrap_or(u64::MAX);
        let more = counted(more, "more segment", "more segments");
        output.line(&format!("{more} without a fault"))?;
    }
    print_hints(report, dir, is_written, output)
}

/// Segments without a fault that a person sees.
const SOUND_SEGMENTS_MAX: usize = 5;

fn is_sound(segment: &SegmentReport) -> bool {
    let is_usual = matches!(segment.state, SegmentState::Active | SegmentState::Sealed);
    is_usual && segment.reason.is_none() && segment.failure.is_none()
}

fn verdict(report: &Report) -> String {
    let sessions = &report.sessions;
    let crashed = sessions.iter().filter(|session| is_crashed(session));
    let interrupted: u64 = sessions.iter().map(|session| session.interrupted).sum();
    format!(
        "loss={} missing={} sessions={} crashed={} interrupted={interrupted} refused={}",
        report.loss.as_str(),
        report.missing(),
        sessions.len(),
        crashed.count(),
        report.counts.refused,
    )
}

fn is_crashed(session: &SessionReport) -> bool {
    session.status == SessionStatus::Crashed
}

fn is_hit(session: &SessionReport) -> bool {
    session.loss == Loss::Damage
}

/// What to type next, to be pasted as it is.
fn print_hints(report: &Report, dir: &Path, is_written: bool, output: &mut Output) -> Result<()> {
    let (program, dir) = (program(), argument(&dir.display().to_string()));
    let hit = report.sessions.iter().rfind(|session| is_hit(session));
    let crashed = report.sessions.iter().rfind(|session| is_crashed(session));
    let is_read = ExitStatus::of_number(report.exit_code) != ExitStatus::CouldNot;
    let hint = match (hit.or(crashed), report.sessions.as_slice()) {
        (Some(session), _) => format!("{program} show {dir} {}", id_argument(&session.id)),
        (None, []) if report.segments.is_empty() || !is_read => return Ok(()),
        (None, []) => format!("{program} cat {dir} --system"),
        (None, _) => format!("{program} list {dir}"),
    };
    output.whole_line(&format!("next: {hint}"))?;
    if !report.sessions.is_empty() && !is_written {
        output.whole_line(&format!(
            "      {program} recover {dir} -o OUT   # a file for each session"
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

fn refused_line(run: &RunReport, refusals: &RefusedReport) -> String {
    format!(
        "refused={} run={} bytes={} reason={} first={} last={}",
        run.refused,
        run.run,
        refusals.bytes,
        one_line(&refusals.codes.join(",")),
        refusals.first_at,
        refusals.last_at
    )
}

/// A session that may have lost durable records.
fn session_line(session: &SessionReport) -> String {
    format!(
        "session={} status={} loss={} records={} spans={} interrupted={}",
        one_line(&session.id),
        session.status.as_str(),
        session.loss.as_str(),
        session.records,
        session.spans,
        session.interrupted
    )
}

fn range_line(range: &DamagedRange) -> String {
    let number = |seq: Option<Seq>| seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
    let missing = match range.first_missing {
        Some(first) => format!("{first}..{}", number(range.last_missing)),
        None => "none".to_owned(),
    };
    let contested = range
        .contested
        .map(|(first, last)| format!(" contested={first}..{last}"));
    format!(
        "range={} offset={} len={} reason={} missing={missing} durable={}{}",
        one_line(&range.file),
        range.offset,
        range.len,
        range.reason.code(),
        range.durable,
        contested.unwrap_or_default()
    )
}
