//! Reads the records of several sessions with one walk through the segments that have any.

use std::collections::{BTreeMap, BTreeSet};

use super::journal_view::JournalView;
use super::session_records::RowPlace;
use crate::error::{Error, Result};
use crate::format::seq_from;
use crate::recovery::{Loss, RunSurvey, SegmentSurvey};
use crate::seq::Seq;
use crate::snapshot::{SessionSummary, SummaryFold};

/// Sessions whose summaries are made together.
pub(super) struct Group<'v> {
    view: &'v JournalView,
    members: Vec<Member>,
}

struct Member {
    /// Which of the view's sessions.
    at: usize,
    fold: SummaryFold,
    /// Not all of its records are there any more.
    has_changed: bool,
    failure: Option<Error>,
}

impl<'v> Group<'v> {
    pub(super) fn new(view: &'v JournalView, sessions: &[usize]) -> Group<'v> {
        let members = sessions.iter().filter_map(|at| {
            let session = view.sessions.get(*at)?;
            Some(Member {
                at: *at,
                fold: SummaryFold::new(&session.id),
                has_changed: false,
                failure: None,
            })
        });
        Group {
            members: members.collect(),
            view,
        }
    }

    /// Reads their records, and gives the summary of each.
    pub(super) fn read(mut self, give: &mut dyn FnMut(usize, Result<SessionSummary>)) {
        let runs = 0..self.view.survey.runs.len();
        runs.for_each(|run| self.run(run));
        for member in self.members {
            let Some(session) = self.view.sessions.get(member.at) else {
                continue;
            };
            let loss = match member.has_changed {
                true => Loss::Damage,
                false => self.view.loss(session),
            };
            let told = match member.failure {
                Some(failure) => Err(failure),
                None => {
                    let told = member.fold.of_records(loss);
                    Ok(self.view.with_refused(session, told))
                }
            };
            give(member.at, told);
        }
    }

    fn run(&mut self, at: usize) {
        let (Some(run), Some(facts)) = (self.view.run(at), self.view.facts(at)) else {
            return;
        };
        // Which member an index in a segment is of, and where they have records.
        let mut indices = BTreeMap::new();
        let mut segments = BTreeSet::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            let session = self.view.sessions.get(member.at);
            let mut branches = session.iter().flat_map(|session| session.branches.iter());
            let Some(branch) = branches.find(|branch| branch.run == at) else {
                continue;
            };
            member.fold.begin_branch(facts.clone());
            for row in branch.rows.iter() {
                indices.insert(*row, place);
            }
            segments.extend(branch.segments());
        }
        for at in segments {
            let Some(segment) = run.segments.get(at) else {
                continue;
            };
            let member = |index| indices.get(&RowPlace::new(at, index)).copied();
            if let Err(failure) = self.segment(run, segment, &member) {
                let rows = segment.part.places.rows.iter();
                for place in rows.filter_map(|row| member(row.index)) {
                    self.members[place].failure = Some(failure.clone());
                }
            }
        }
    }

    fn segment(
        &mut self,
        run: &RunSurvey,
        segment: &SegmentSurvey,
        member: &dyn Fn(u32) -> Option<usize>,
    ) -> Result<()> {
        let mut reader = self.view.open(run, segment)?;
        let islands = &segment.part.scanned.islands;
        let places = islands.iter().map(|island| island.offset..island.end);
        reader.read_ahead(places.collect());
        for island in islands {
            let mut offset = island.offset;
            while offset < island.end {
                let frame = reader.frame(offset, || island.end);
                let (header, payload) = match frame {
                    Ok(frame) => frame,
                    Err(crate::segment::ReadFailure::Damage(_)) => {
                        // It was intact when everything was verified.
                        let rows = segment.part.places.rows.iter();
                        for place in rows.filter_map(|row| member(row.index)) {
                            self.members[place].has_changed = true;
                        }
                        break;
                    }
                    Err(failure) => {
                        let name = &segment.part.segment.name;
                        return Err(self.view.failure(name, offset, failure));
                    }
                };
                offset += header.frame_len();
                let is_shown = header.session != 0 && !header.kind.is_system();
                let place = member(header.session).filter(|_| is_shown);
                let seq = Seq::new(seq_from(segment.first_seq, header.seq_low));
                if let (Some(place), Some(seq)) = (place, seq) {
                    let fold = &mut self.members[place].fold;
                    fold.only_record(seq, header.kind_to_read(), &payload);
                }
            }
        }
        Ok(())
    }
}
