//! A journal's files as lines for grep: one a segment and a damaged place, the verdict first.

use trace_journal::report::{
    DamagedRange, RefusedReport, RunReport, SegmentReport, SegmentState, SessionReport,
};
use trace_journal::{Loss, Report, Seq, SessionStatus};

use crate::error::Result;
use crate::escape::one_line;
use crate::format::counted;
use crate::output::Output;

/// Prints all lines; those of what is not well come before those of sound segments.
pub(crate) fn print(report: &Report, output: &mut Output) -> Result<()> {
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
    for segment in sound {
        output.folded(&segment_line(segment), 2)?;
    }
    Ok(())
}

fn is_sound(segment: &SegmentReport) -> bool {
    let is_usual = matches!(
        segment.state,
        SegmentState::Active | SegmentState::Sealed | SegmentState::Empty
    );
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
