//! Where the records of handles go.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::format::{FileName, RecordKind};
use crate::seq::{SegmentNumber, Seq};
use crate::storage::StorageFile;
use crate::writer::{FailoverWriter, RunWriter, Unfit};

/// Where the records of handles go: the runs of a journal, or memory in tests.
pub(crate) trait Sink: fmt::Debug + Send + Sync {
    /// Why nothing could be appended now, if that is so; asked before any lock is taken.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Appends one record, to the session if there is one.
    fn append(&self, kind: RecordKind, session: Option<&SessionId>, payload: &[u8]) -> Result<Seq>;

    /// Where the next record of a session probably goes; `None` if that cannot be told.
    fn home(&self, session: &SessionId) -> Option<Home>;

    /// As [`append`](Sink::append), and says where the record is; `None`, and nothing is appended,
    /// if it may only go where others of the session are, and they go elsewhere by now.
    fn append_placed(
        &self,
        kind: RecordKind,
        session: &SessionId,
        payload: &[u8],
        within: Option<Home>,
    ) -> Result<Option<(Seq, Home)>>;

    /// The segment a record is in, to read from.
    fn open_segment(&self, home: &Home) -> Option<Arc<dyn StorageFile>>;

    /// Which of its runs is written to now.
    fn opening(&self) -> u16;

    /// Counts a record of this session that was refused before it had a payload.
    fn note_refused(&self, session: Option<&str>, code: &'static str);

    /// Tells the error hook of an error that no caller is told of.
    fn report(&self, error: &Error);

    /// A number that cannot be guessed.
    fn random(&self) -> u64;
}

/// Where a record of a session is, or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// Which of the handle's runs it is.
    pub(crate) opening: u16,
    pub(crate) segment: SegmentNumber,
    /// The session's index there.
    pub(crate) session: u32,
    /// Of the record's frame; 0 before there is one.
    pub(crate) offset: u64,
}

impl Home {
    /// Whether both are in one segment.
    pub(crate) fn is_in_segment_of(&self, other: &Home) -> bool {
        self.place() == other.place()
    }

    /// Whether the other one is in an earlier segment.
    pub(crate) fn is_behind(&self, other: &Home) -> bool {
        self.place() > other.place()
    }

    fn place(&self) -> (u16, SegmentNumber) {
        (self.opening, self.segment)
    }
}

/// The id of a session and its number in the run written to last.
#[derive(Debug)]
pub(crate) struct SessionId {
    id: String,
    /// 1 + the run's place among the runs of the journal, then the number in 32 bits; 0 if unknown.
    number: AtomicU64,
}

impl SessionId {
    pub(crate) fn new(id: impl Into<String>) -> SessionId {
        SessionId {
            id: id.into(),
            number: AtomicU64::new(0),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.id
    }

    /// The session's number in a run; asked for once per run.
    pub(super) fn number(&self, opening: u16, ask: impl Fn(&str) -> Result<u32>) -> Result<u32> {
        let tag = (u64::from(opening) + 1) << 32;
        let known = self.number.load(Ordering::Relaxed);
        if known & !u64::from(u32::MAX) == tag {
            return Ok(u32::try_from(known - tag).unwrap_or(0));
        }
        let number = ask(&self.id)?;
        self.number
            .store(tag + u64::from(number), Ordering::Relaxed);
        Ok(number)
    }
}

impl Sink for FailoverWriter {
    fn check(&self) -> Result<()> {
        FailoverWriter::check(self)
    }

    fn append(&self, kind: RecordKind, session: Option<&SessionId>, payload: &[u8]) -> Result<Seq> {
        self.append_to(kind, payload, |run, opening| match session {
            None => Ok(0),
            Some(session) => session.number(opening, |id| run.session_index(id)),
        })
    }

    fn home(&self, session: &SessionId) -> Option<Home> {
        let home = self.with_live_run(|run, opening| {
            Ok(Home {
                opening,
                segment: run.active_segment(),
                session: session.number(opening, |id| run.session_index(id))?,
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
        let number = |run: &RunWriter, opening| session.number(opening, |id| run.session_index(id));
        let placed =
            FailoverWriter::append_placed(self, kind, payload, number, |opening, number| {
                match within {
                    None => Ok(None),
                    Some(home) if (home.opening, home.session) == (opening, number) => {
                        Ok(Some(home.segment))
                    }
                    Some(_) => Err(Unfit),
                }
            });
        let placed = placed?.map(|(placed, opening, session)| {
            let home = Home {
                opening,
                segment: placed.segment,
                session,
                offset: placed.offset,
            };
            (placed.seq, home)
        });
        Ok(placed)
    }

    fn open_segment(&self, home: &Home) -> Option<Arc<dyn StorageFile>> {
        let (run, opening) = self.current().ok()?;
        let name = FileName::Segment(run.run(), home.segment).to_string();
        let is_current = opening == home.opening;
        is_current.then(|| run.storage().open(&name).ok()).flatten()
    }

    fn opening(&self) -> u16 {
        self.current().map_or(0, |(_, opening)| opening)
    }

    fn note_refused(&self, session: Option<&str>, code: &'static str) {
        FailoverWriter::note_refused(self, session, code);
    }

    fn report(&self, error: &Error) {
        self.errors().report(error);
    }

    fn random(&self) -> u64 {
        match self.current() {
            Ok((run, _)) => run.storage().random(),
            // Nothing is recorded then, so any number will do.
            Err(_) => 0,
        }
    }
}
