//! The last step of a fold: from drafts to a snapshot.

use std::borrow::Cow;
use std::sync::Arc;

use super::Fold;
use super::branch::{Branch, OpenSpan, Terminal};
use super::lineage;
use super::notes::Notes;
use super::record_stamp::RecordStamp;
use super::session::SessionDraft;
use super::spans::{Draft, ROOT};
use super::status::{Role, SessionOutcome, verdict};
use crate::event::{SessionStatus, SpanFields, SpanKind, SpanStatus};
use crate::hash::fnv_1a_128;
use crate::recovery::Loss;
use crate::seeded::{self, Bug};
use crate::seq::Seq;
use crate::snapshot::children::Children;
use crate::snapshot::drop_queue::Spans;
use crate::snapshot::note;
use crate::snapshot::session::{RunSnapshot, Snapshot};
use crate::snapshot::span::SpanSnapshot;
use crate::snapshot::totals::Totals;
use crate::time::Timestamp;

impl<'a> Fold<'a> {
    /// The snapshot but for its spans, and the spans.
    pub(super) fn into_parts(self, loss: Loss) -> (Snapshot, Vec<SpanSnapshot<'a>>) {
        finish(self, loss)
    }
}

fn finish(mut fold: Fold<'_>, loss: Loss) -> (Snapshot, Vec<SpanSnapshot<'_>>) {
    fold.spans.name_root(None);
    let verdict = verdict(&fold.branches);
    note_branches(&fold.branches, &verdict, &mut fold.notes);
    let parents = lineage::parents(&fold.spans, &mut fold.notes);
    let is_known = |draft: &Draft<'_>, id: &Arc<str>| {
        draft.parent_at.is_some() || fold.spans.first_of(id).is_some()
    };
    let given = fold.spans.drafts.iter();
    let given = given.map(|draft| draft.parent.clone().filter(|id| !is_known(draft, id)));
    let given: Vec<Option<Arc<str>>> = given.collect();
    let times = Times::of(&fold, &verdict);
    let drafts = std::mem::take(&mut fold.spans.drafts);
    let parent_ids = parents.iter().map(|at| Arc::clone(&drafts[*at].id));
    let parent_ids: Vec<Arc<str>> = parent_ids.collect();
    let children = Children::of(&places(&drafts, &parents));
    let mut spans = Vec::with_capacity(drafts.len());
    let mut drafts = drafts.into_iter().zip(parent_ids.into_iter().zip(given));
    if let Some((draft, _)) = drafts.next() {
        spans.push(root(draft, &fold.session, &verdict, times, &mut fold.notes));
    }
    for (draft, (parent, given_parent)) in drafts {
        if !draft.is_root_twin {
            let mut span = span(draft, parent, &fold.branches, &mut fold.notes);
            span.given_parent = given_parent;
            spans.push(span);
        }
    }
    let session = fold.session;
    let trace_id = session.trace_id.map(Cow::into_owned);
    let snapshot = Snapshot {
        trace_id: trace_id.unwrap_or_else(|| trace_id_of(&session.id)),
        id: session.id,
        is_named: session.name.is_some(),
        status: verdict.status,
        liveness: verdict.liveness,
        error: verdict.error.clone(),
        crash_cause: verdict.cause,
        started_at: times.started_at,
        ended_at: times.ended_at,
        last_at: times.last_at,
        metadata: session.metadata.into_map(),
        extra: session.extra,
        parent_session: session.parent_session.map(Cow::into_owned),
        children,
        totals: Totals::of(&spans, fold.records),
        spans: Spans::default(),
        counters: session
            .counters
            .into_members()
            .into_iter()
            .map(|(_, one)| one)
            .collect(),
        runs: runs(&fold.branches, &verdict),
        notes: fold.notes.finish(),
        loss,
        refused: 0,
        elsewhere_lost: fold.elsewhere_lost,
        lines: session.lines,
    };
    (snapshot, spans)
}

/// The parent of each span by its place among the spans of the snapshot; `None` for the root.
fn places(drafts: &[Draft<'_>], parents: &[usize]) -> Vec<Option<usize>> {
    let mut places = Vec::with_capacity(drafts.len());
    let mut count = 0;
    for draft in drafts {
        // A twin of the root stands for it, and has no place of its own.
        places.push(if draft.is_root_twin { ROOT } else { count });
        count += usize::from(!draft.is_root_twin);
    }
    let kept = drafts.iter().zip(parents).enumerate();
    let kept = kept.filter(|(_, (draft, _))| !draft.is_root_twin);
    kept.map(|(at, (_, parent))| (at != ROOT).then(|| places[*parent]))
        .collect()
}

/// When a session started, ended and was last heard of.
#[derive(Clone, Copy)]
struct Times {
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    last_at: Timestamp,
}

impl Times {
    fn of(fold: &Fold<'_>, verdict: &SessionOutcome) -> Times {
        let opened_at = fold
            .branches
            .iter()
            .find_map(|branch| branch.facts.opened_at);
        let first_at = fold.session.started_at.or(fold.first_at).or(opened_at);
        let started_at = first_at.unwrap_or_default();
        let last_at = fold.branches.iter().filter_map(Branch::last_at).max();
        Times {
            started_at,
            ended_at: match verdict.status {
                SessionStatus::Running => None,
                _ => Some(verdict.ended_at.unwrap_or(started_at)),
            },
            last_at: last_at.unwrap_or(started_at),
        }
    }
}

/// The root stands for the session: it is open, ended or interrupted as that is.
fn root<'a>(
    draft: Draft<'a>,
    session: &SessionDraft,
    verdict: &SessionOutcome,
    times: Times,
    notes: &mut Notes,
) -> SpanSnapshot<'a> {
    let has_name = draft.name.is_some();
    let mut root = convert(draft, None, notes);
    root.kind = SpanKind::SESSION;
    root.name = match session.name.as_deref() {
        Some(name) => Cow::Owned(name.to_owned()),
        None if !has_name => Cow::Owned(session.id.clone()),
        None => root.name,
    };
    root.started_at = times.started_at;
    root.ended_at = times.ended_at;
    match verdict.status {
        SessionStatus::Completed => root.status = SpanStatus::Ok,
        SessionStatus::Error => {
            root.status = SpanStatus::Error;
            let error = verdict.error.clone().map(Cow::Owned);
            root.status_message = error.or(root.status_message);
        }
        SessionStatus::Crashed => root.is_interrupted = true,
        SessionStatus::Running => {}
    }
    root
}

fn span<'a>(
    draft: Draft<'a>,
    parent: Arc<str>,
    branches: &[Branch],
    notes: &mut Notes,
) -> SpanSnapshot<'a> {
    if let (None, Some(first)) = (&draft.start, draft.first) {
        let text = format!("the start of span {} is not there", draft.id);
        notes.add(note::MISSING_START, first, text);
    }
    let (opened, was_let_go) = (draft.opened, draft.was_let_go);
    let end = draft.end;
    let mut span = convert(draft, Some(parent), notes);
    if let Some((place, at)) = end {
        span.ended_at = Some(at);
        let branch = &branches[place.branch];
        let is_open = branch.open_span(place.incarnation) == OpenSpan::StaysOpen;
        if was_let_go && !is_open && branch.is_last_breath(place.order) {
            // It was at work when its program died, which dropped its handles.
            span.is_interrupted = !seeded::has(Bug::InterruptionNotTold);
            span.ended_by_drop = false;
        }
        if at < span.started_at {
            let text = format!("span {} ends before it starts", span.id);
            notes.add(note::END_BEFORE_START, place, text);
        }
    } else if let Some(OpenSpan::Interrupted(at)) = opened.map(|place| left_open(place, branches)) {
        span.is_interrupted = !seeded::has(Bug::InterruptionNotTold);
        span.ended_at = Some(at.max(span.started_at));
    }
    span
}

fn left_open(opened: RecordStamp, branches: &[Branch]) -> OpenSpan {
    branches[opened.branch].open_span(opened.incarnation)
}

/// Everything of a span that needs no other span.
fn convert<'a>(draft: Draft<'a>, parent: Option<Arc<str>>, notes: &mut Notes) -> SpanSnapshot<'a> {
    let (texts, missing) = draft.texts.finish();
    for gap in missing {
        let (len, offset) = (gap.len, gap.offset);
        let text = format!(
            "{len} bytes are missing at offset {offset} of the {} text of span {}",
            gap.channel, draft.id
        );
        notes.add(note::MISSING_TEXT, gap.place, text);
    }
    let first = draft.start.or(draft.first.map(|place| (place, place.at)));
    let fields = SpanFields {
        attributes: draft.attributes.into_map(),
        ..draft.fields
    };
    SpanSnapshot {
        name: draft
            .name
            .unwrap_or_else(|| match draft.kind == Some(SpanKind::TOOL) {
                true => Cow::Borrowed(UNNAMED_TOOL),
                false => Cow::Owned(draft.id.as_ref().to_owned()),
            }),
        id: draft.id,
        parent,
        given_parent: None,
        beside: draft.beside,
        kind: draft.kind.unwrap_or(SpanKind::SPAN),
        started_at: first.map(|(_, at)| at).unwrap_or_default(),
        ended_at: None,
        status: draft.status,
        status_message: draft.status_message,
        is_interrupted: false,
        ended_by_drop: draft.ended_by_drop,
        fields,
        texts,
        links: draft.links,
        logs: draft.logs,
        trace_id: draft.trace_id,
        otlp_kind: draft.otlp_kind,
        started_after: first.map_or(0, |(place, _)| place.order),
        ended_after: draft.end.map(|(place, _)| place.order),
    }
}

fn runs(branches: &[Branch], verdict: &SessionOutcome) -> Vec<RunSnapshot> {
    let branches = branches.iter().zip(&verdict.roles);
    let snapshots = branches.map(|(branch, role)| {
        let standing = Some(branch.standing()).filter(|_| *role != Role::Adds);
        RunSnapshot {
            run: branch.facts.run,
            status: standing.as_ref().map(|one| one.status),
            liveness: branch.facts.liveness,
            error: standing.and_then(|one| one.error),
            is_superseded: *role == Role::Superseded,
            records: branch.records,
            origin: branch.facts.origin.clone(),
        }
    });
    snapshots.collect()
}

/// Notes that only the verdict tells apart, or that one run needs once.
fn note_branches(branches: &[Branch], verdict: &SessionOutcome, notes: &mut Notes) {
    for (number, (branch, role)) in branches.iter().zip(&verdict.roles).enumerate() {
        let run = branch.facts.run;
        let mut add = |kind, seq: Seq, text: String| {
            notes.add_to_run(kind, number, run, seq, text);
        };
        for terminal in branch.terminals() {
            match terminal {
                Terminal::Crashed { seq, text, .. } => match role {
                    Role::Adds => add(note::LATE_CRASH, *seq, text.clone()),
                    _ => add(note::CRASH, *seq, text.clone()),
                },
                Terminal::Ended { seq, .. } if *role == Role::Adds => {
                    add(
                        note::LATE_END,
                        *seq,
                        "the session was over before".to_owned(),
                    );
                }
                Terminal::Ended { .. } => {}
            }
        }
        let was_ended = matches!(branch.terminal(), Some(Terminal::Ended { .. }));
        if !was_ended && *role != Role::Adds {
            for (seq, reason) in &branch.facts.crash_notes {
                let reason = reason.as_deref().unwrap_or("no reason given");
                add(note::RUN_CRASH, *seq, reason.to_owned());
            }
        }
        for (kind, seq, count) in &branch.unknown_kinds {
            let text = format!("{count} records of the unknown kind {kind}");
            add(note::UNKNOWN_RECORD, *seq, text);
        }
    }
}

const UNNAMED_TOOL: &str = "unknown";

/// The trace id of a session that was given none: always the same for the same session.
fn trace_id_of(session: &str) -> String {
    format!("{:032x}", fnv_1a_128(session.as_bytes()))
}
