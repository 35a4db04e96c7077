//! Appends through an opening.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::opening::Opening;
use crate::error::{Error, Result};
use crate::event::Text;
use crate::format::{FileName, RecordKind};
use crate::seeded::{self, Bug};
use crate::seq::{RunId, Seq};
use crate::session::{Home, SessionId, Sink};
use crate::storage::StorageFile;
use crate::writer::RunWriter;

impl Opening {
    /// Appends a record without session.
    pub(crate) fn append_raw(&self, kind: RecordKind, payload: &[u8]) -> Result<Seq> {
        self.append_to(kind, None, payload)
    }

    /// Appends a record of a session, if there is one.
    #[inline]
    fn append_to(
        &self,
        kind: RecordKind,
        session: Option<&SessionId>,
        payload: &[u8],
    ) -> Result<Seq> {
        let append = |run: &RunWriter, opening| {
            let session = session.map(|session| session.in_run(run, opening));
            let session = session.transpose().inspect_err(|error| {
                run.note_refused(None, payload.len(), error.code());
            })?;
            let appended = run.append(kind, session.as_deref(), payload);
            appended.map(|seq| seq.in_opening(opening))
        };
        // The run it began with is not even copied: a processor reads back what it has put
        // together last only when all it stored for the record before that has left it.
        if let Some(run) = &self.first
            && self.is_as_opened(run)
        {
            return append(run, self.number);
        }
        let acting = self.acting();
        let appended = acting.with_run(append);
        appended.inspect_err(|error| acting.note_missed(payload.len(), error))
    }

    /// As [`append_to`](Opening::append_to), and says where the record is; `None`, and nothing is
    /// appended, if it may only go where others of the session are, and they go elsewhere by now.
    fn append_placed_to(
        &self,
        (kind, session): (RecordKind, &SessionId),
        payload: &[u8],
        within: Option<Home>,
    ) -> Result<Option<(Seq, Home)>> {
        let acting = self.acting();
        let placed = acting.with_run(|run, opening| {
            let session = session.in_run(run, opening).inspect_err(|error| {
                run.note_refused(None, payload.len(), error.code());
            })?;
            let serial = session.serial();
            if within.is_some_and(|home| (home.opening, home.session) != (opening, serial)) {
                return Ok(None);
            }
            let segment = within.map(|home| home.segment);
            let placed = run.append_placed((kind, Some(&session)), payload, segment)?;
            Ok(placed.map(|placed| {
                let home = Home {
                    opening,
                    segment: placed.segment,
                    session: serial,
                    offset: placed.offset,
                };
                (placed.seq.in_opening(opening), home)
            }))
        });
        placed.inspect_err(|error| acting.note_missed(payload.len(), error))
    }

    fn note_missed(&self, payload_len: usize, error: &Error) {
        if let Error::Disabled { .. } = error {
            self.run.writer().miss(payload_len, error.code());
        }
    }
}

impl Sink for Opening {
    fn check(&self) -> Result<()> {
        match &self.first {
            Some(run) if self.is_as_opened(run) => run.check_open(),
            _ => self.acting().with_run(|run, _| run.check_open()),
        }
    }

    fn append(&self, kind: RecordKind, session: Option<&SessionId>, payload: &[u8]) -> Result<Seq> {
        self.append_to(kind, session, payload)
    }

    fn home(&self, session: &SessionId) -> Option<Home> {
        let home = self.acting().with_run(|run, opening| {
            Ok(Home {
                opening,
                segment: run.active_segment(),
                session: session.in_run(run, opening)?.serial(),
                offset: 0,
            })
        });
        home.ok()
    }

    fn append_placed(
        &self,
        kind: RecordKind,
        session: &SessionId,
        payload: &[u8],
        within: Option<Home>,
    ) -> Result<Option<(Seq, Home)>> {
        self.append_placed_to((kind, session), payload, within)
    }

    fn open_segment(&self, home: &Home) -> Option<Arc<dyn StorageFile>> {
        let opened = self.look(|run, opening| {
            let name = FileName::Segment(run.run(), home.segment).to_string();
            let is_current = opening == home.opening;
            is_current.then(|| run.storage().open(&name).ok()).flatten()
        });
        opened.flatten()
    }

    fn is_own_process(&self) -> bool {
        self.process.is_here()
    }

    fn place_text(&self, session: &str, text: &mut Text<'_>, source: Option<RunId>) {
        let acting = self.acting();
        let number = acting.run.writer().number();
        acting.run.counts.place_text(number, session, text, source);
    }

    fn new_id(&self) -> u64 {
        if self.process.is_here() {
            return self.run.counts.new_id();
        }
        match self.known() {
            Ok(child) => child.run.counts.new_id(),
            // A fork goes on where its parent stood, and would make the same ones.
            Err(_) => self
                .look(|run, _| run.storage().random())
                .unwrap_or(1)
                .max(1),
        }
    }

    fn note_refused(&self, session: Option<&str>, code: &'static str) {
        let Ok(acting) = self.known() else { return };
        // What is given to a closed journal is the host's own doing.
        if acting.is_closed.load(Ordering::SeqCst) {
            return;
        }
        match acting.run.writer().run_for(acting.bound()) {
            Ok((run, _)) => {
                let session = session.and_then(|id| run.session(id).ok());
                run.note_refused(session.as_deref(), 0, code);
            }
            Err(_) => acting.run.writer().miss(0, code),
        }
    }

    fn report(&self, error: &Error) {
        // In a fork a lock may never be free.
        if let Ok(acting) = self.known() {
            acting.report_here(error);
        }
    }

    fn end_with_journal(&self, session: &str) {
        if let Ok(acting) = self.known() {
            acting.run.ending.add(session, acting.id);
        }
    }

    fn session_ended(&self, session: &str) {
        if let Ok(acting) = self.known()
            && !seeded::has(Bug::EndedTwice)
        {
            acting.run.ending.remove(session);
        }
    }
}
