//! The parent of every span: always a span, always on a way to the root.

use super::notes::Notes;
use super::record_stamp::RecordStamp;
use super::spans::{ROOT, SpanDrafts};
use crate::snapshot::note;

/// For each draft the draft it is part of. Unknown parents and cycles hang under the root.
pub(super) fn parents(spans: &SpanDrafts<'_>, notes: &mut Notes) -> Vec<usize> {
    let mut parents = vec![ROOT; spans.drafts.len()];
    for (number, draft) in spans.drafts.iter().enumerate().skip(1) {
        let Some(parent) = &draft.parent else {
            continue;
        };
        match draft.parent_at.or_else(|| spans.first_of(parent)) {
            // What turned out to be the root was taken into it.
            Some(known) if spans.drafts[known].is_root_twin => {}
            Some(known) => parents[number] = known,
            None if draft.has_remote_parent() => {}
            None => {
                let text = format!("parent {parent} of span {} is no span here", draft.id);
                add(notes, note::UNKNOWN_PARENT, draft.first, text);
            }
        }
    }
    cut_cycles(spans, &mut parents, notes);
    parents
}

/// Walks up from every span; each is walked through once.
fn cut_cycles(spans: &SpanDrafts<'_>, parents: &mut [usize], notes: &mut Notes) {
    let mut is_sound = vec![false; parents.len()];
    is_sound[ROOT] = true;
    let mut is_on_path = vec![false; parents.len()];
    let mut path = Vec::new();
    for start in 1..parents.len() {
        let mut current = start;
        while !is_sound[current] && !is_on_path[current] {
            is_on_path[current] = true;
            path.push(current);
            current = parents[current];
        }
        if !is_sound[current] {
            let begin = path.iter().position(|on_path| *on_path == current);
            let cycle = &path[begin.unwrap_or(0)..];
            let first = cycle.iter().copied().min().unwrap_or(current);
            parents[first] = ROOT;
            let draft = &spans.drafts[first];
            let text = format!("span {} is part of itself; cut loose here", draft.id);
            add(notes, note::PARENT_CYCLE, draft.first, text);
        }
        for on_path in path.drain(..) {
            is_sound[on_path] = true;
            is_on_path[on_path] = false;
        }
    }
}

fn add(notes: &mut Notes, kind: &'static str, place: Option<RecordStamp>, text: String) {
    if let Some(place) = place {
        notes.add(kind, place, text);
    }
}
