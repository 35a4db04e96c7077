//! A journal open for writing, as the program holds it.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::event::{Event, JsonLine};
use crate::format::UserKind;
use crate::info::Info;
use crate::options::JournalOptions;
use crate::recovered::Recovery;
use crate::seq::{RunId, Seq};
use crate::session::{Recorder, Redact, SessionBuilder, SharedValues, Sink, Written};
use crate::writer::{FailoverWriter, WhenDurable};

/// A journal open for writing; clones share it.
///
/// Dropping the last clone closes it, waiting at most one second (while a panic unwinds, it only
/// makes everything durable); [`close`](Journal::close)
/// reports what becomes of it. Session and span handles do not keep it open. In a forked child
/// every operation does nothing, and appends are refused.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<JournalInner>,
}

/// What all clones share; dropped with the last of them.
#[derive(Debug)]
struct JournalInner {
    writer: Arc<FailoverWriter>,
    recorder: Arc<Recorder>,
    recovered: Vec<RunId>,
}

impl Journal {
    /// The options a journal is opened with, at their defaults.
    pub fn options() -> JournalOptions {
        JournalOptions::default()
    }

    /// Opens the journal in `dir` with default options.
    ///
    /// # Errors
    /// As [`JournalOptions::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Journal> {
        JournalOptions::default().open(dir)
    }

    /// Appends a record of the caller's own kind; the payload is kept byte for byte.
    ///
    /// # Durability
    /// After `Ok` the record survives the death of this process at any instruction. It survives
    /// power loss once [`durable`](Journal::durable) has reached its number.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`](crate::Error::LimitExceeded),
    /// [`Error::DiskFull`](crate::Error::DiskFull), [`Error::Backlog`](crate::Error::Backlog),
    /// [`Error::Io`](crate::Error::Io), [`Error::Poisoned`](crate::Error::Poisoned),
    /// [`Error::Closed`](crate::Error::Closed), [`Error::Forked`](crate::Error::Forked); the record
    /// is then not part of the journal, and no number was given out for it.
    pub fn append_raw(&self, kind: UserKind, payload: impl AsRef<[u8]>) -> Result<Seq> {
        self.inner.writer.append(kind.into(), payload.as_ref())
    }

    /// A session of this id, about to start; an id that was used before goes on.
    pub fn session<'a>(&self, id: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        SessionBuilder::new(Arc::clone(&self.inner.recorder), id.into())
    }

    /// Records an event, in the session it names.
    ///
    /// # Durability
    /// As [`append_raw`](Journal::append_raw).
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent) if it names no session and needs one,
    /// has no encoding, or the redaction hook panics; else as [`append_raw`](Journal::append_raw).
    pub fn append(&self, event: Event<'_>) -> Result<Seq> {
        self.inner.recorder.append(event)
    }

    /// Records an event in its JSON form, one object, as `trace-recover ingest` reads it.
    ///
    /// # Durability
    /// As [`append`](Journal::append).
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent), saying which member is wrong; else as
    /// [`append`](Journal::append).
    pub fn append_json(&self, line: &str) -> Result<Seq> {
        self.inner.recorder.append_json(line)
    }

    /// Records an event that was read from its JSON form.
    ///
    /// # Errors
    /// As [`append`](Journal::append).
    pub fn append_parsed(&self, line: JsonLine<'_>) -> Result<Seq> {
        self.inner.recorder.append_parsed(line)
    }

    /// Notes why the whole process is about to die; it counts only if the process does.
    pub fn note_crash(&self, reason: &str) -> Written {
        self.inner.recorder.note_crash(reason, None)
    }

    /// What this opening found left behind by runs that died.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        let storage = self
            .inner
            .writer
            .current()
            .ok()
            .map(|(run, _)| Arc::clone(run.storage()));
        Recovery::new(storage, self.inner.recovered.clone())
    }

    /// Waits until every record up to `seq` is durable.
    ///
    /// # Durability
    /// After `Ok`, records `..=seq` survive power loss.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) if a sync failed before that,
    /// [`Error::UnknownSeq`](crate::Error::UnknownSeq) for a number that was not given out,
    /// [`Error::Closed`](crate::Error::Closed), [`Error::Forked`](crate::Error::Forked).
    pub fn wait_durable(&self, seq: Seq) -> Result<()> {
        self.inner.writer.wait_durable(seq, None)
    }

    /// As [`wait_durable`](Journal::wait_durable), at most for `time`.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when the time is over, which says nothing about
    /// the record; else as [`wait_durable`](Journal::wait_durable).
    pub fn wait_durable_timeout(&self, seq: Seq, time: Duration) -> Result<()> {
        self.inner.writer.wait_durable(seq, deadline(time))
    }

    /// Resolves when every record up to `seq` is durable; runs on any executor.
    pub fn when_durable(&self, seq: Seq) -> WhenDurable {
        self.inner.writer.when_durable(seq)
    }

    /// Makes every record appended so far durable and returns the last one covered.
    ///
    /// # Durability
    /// After `Ok(seq)`, records `..=seq` survive power loss.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) if a sync failed; nothing more is then promised
    /// of this run.
    pub fn sync(&self) -> Result<Seq> {
        self.inner.writer.sync()
    }

    /// The last record known durable; `None` if none is, as in a file system in memory.
    #[must_use]
    pub fn durable(&self) -> Option<Seq> {
        self.inner.writer.durable()
    }

    /// How the journal stands.
    #[must_use]
    pub fn info(&self) -> Info {
        Info::of(&self.inner.writer)
    }

    /// Makes everything durable and closes the journal for all clones and handles; later appends
    /// give [`Error::Closed`](crate::Error::Closed). Closing again gives the first result again.
    ///
    /// # Durability
    /// After `Ok`, every record ever acknowledged survives power loss, and the run is on record
    /// as closed.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) if a sync failed, now or before;
    /// [`Error::Forked`](crate::Error::Forked).
    pub fn close(&self) -> Result<()> {
        self.inner.writer.current()?.0.close(None)
    }
}

impl Journal {
    /// A journal that `writer` writes, opened when the runs that died were put on record.
    pub(crate) fn new(
        writer: FailoverWriter,
        (redact, sharing): (Option<Redact>, Option<SharedValues>),
        recovered: Vec<RunId>,
    ) -> Journal {
        let writer = Arc::new(writer);
        let sink: Arc<dyn Sink> = writer.clone();
        Journal {
            inner: Arc::new(JournalInner {
                recorder: Arc::new(Recorder::new(sink, redact, sharing)),
                writer,
                recovered,
            }),
        }
    }

    /// A reference that does not keep the journal open.
    pub(crate) fn downgrade(&self) -> WeakJournal {
        WeakJournal(Arc::downgrade(&self.inner))
    }

    /// As [`note_crash`](Journal::note_crash), with the place in the program.
    pub(crate) fn note_crash_at(&self, reason: &str, location: Option<&str>) {
        // The hook that reports errors has heard of any.
        let _ = self.inner.recorder.note_crash(reason, location);
    }
}

/// A journal that may have been closed meanwhile.
#[derive(Debug)]
pub(crate) struct WeakJournal(Weak<JournalInner>);

impl WeakJournal {
    pub(crate) fn upgrade(&self) -> Option<Journal> {
        self.0.upgrade().map(|inner| Journal { inner })
    }
}

impl Drop for JournalInner {
    fn drop(&mut self) {
        // A caller that wants to know how closing went calls `close`.
        let Ok((run, _)) = self.writer.current() else {
            return;
        };
        // A panic that takes the program down is no orderly close: the run dies with it, and the
        // panic's note is the reason.
        let until = deadline(CLOSE_TIME_MAX);
        let _ = if std::thread::panicking() {
            run.leave(until)
        } else {
            run.close(until)
        };
    }
}

/// The moment `time` from now; `None`, for ever, if there is no such moment.
fn deadline(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

/// How long dropping the last clone waits for the journal to close.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);
