//! What session indices stand for where their declarations are lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::journal_view::JournalView;
use super::session_records::{RowPlace, named};
use crate::event::codec;
use crate::format::RecordKind;
use crate::recovery::RunSurvey;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;

impl JournalView {
    /// What a session index stands for in some segments of a run, each with its places there.
    pub(super) fn ids(
        &self,
        run: &RunSurvey,
        index: u32,
        segments: &[usize],
        undeclared: &mut BTreeMap<RowPlace, Arc<str>>,
    ) -> Vec<(Arc<str>, Vec<RowPlace>)> {
        let mut ids: Vec<(Arc<str>, Vec<RowPlace>)> = Vec::with_capacity(1);
        let mut unknown = None;
        for at in segments {
            let number = run.segments.get(*at).map(|s| s.part.segment.number);
            let number = number.unwrap_or(SegmentNumber::FIRST);
            let place = RowPlace::new(*at, index);
            let of_run = || run.sessions.nearest(index, SegmentNumber::FIRST);
            let declared = match seeded::has(Bug::IndexOfRun) {
                true => of_run(),
                false => run.sessions.declared(index, number),
            };
            let id = declared.map(named).unwrap_or_else(|| {
                let lost = || {
                    let started = self.started(run, index, std::slice::from_ref(at));
                    let nearest = || run.sessions.nearest(index, number).map(named);
                    started.or_else(nearest)
                };
                let id = lost().unwrap_or_else(|| {
                    let unknown = unknown.get_or_insert_with(|| {
                        let started = self.started(run, index, segments);
                        started.unwrap_or_else(|| format!("unknown-{}-{index}", run.run).into())
                    });
                    Arc::clone(unknown)
                });
                undeclared.insert(place, Arc::clone(&id));
                id
            });
            match ids.iter_mut().find(|(known, _)| *known == id) {
                Some((_, rows)) => rows.push(place),
                None => ids.push((id, vec![place])),
            }
        }
        ids
    }

    /// The id of a session index as a session's start in one of these segments says it again.
    fn started(&self, run: &RunSurvey, index: u32, segments: &[usize]) -> Option<Arc<str>> {
        for segment in segments.iter().filter_map(|at| run.segments.get(*at)) {
            let row = segment.part.places.row(index).into_iter();
            let mut turns = row.flat_map(|row| std::iter::once(&row.first).chain(&row.turns));
            let Some(start) = turns.find(|p| p.kind == RecordKind::SESSION_START) else {
                continue;
            };
            let Ok(mut reader) = self.open(run, segment) else {
                continue;
            };
            let Ok((header, payload)) = reader.frame(start.offset(), || 0) else {
                continue;
            };
            let event = codec::decode(header.kind, &payload, None);
            if let Some(id) = event.session.filter(|id| !id.is_empty()) {
                return Some(Arc::from(&*id));
            }
        }
        None
    }
}
