//! A journal open for writing, as the program holds it.

use std::borrow::Cow;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::event::{Event, JsonLine};
use crate::format::UserKind;
use crate::info::Info;
use crate::options::JournalOptions;
use crate::recovered::Recovery;
use crate::seq::Seq;
use crate::session::{Recorder, Session, SessionBuilder, SharedValues, Sink, Written};
use crate::shared::{EndingOf, Opening};
use crate::writer::WhenDurable;

/// A journal open for writing; clones share it.
///
/// Dropping the last clone closes it, waiting at most one second (while a panic unwinds, it only
/// makes everything durable); [`close`](Journal::close)
/// reports what becomes of it. Session and span handles do not keep it open. Openings of one
/// directory in one process share a run: see [`JournalOptions::shared`]. In a forked child every
/// operation does nothing, and appends are refused, unless
/// [`reopen_in_child`](JournalOptions::reopen_in_child) was asked for.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<JournalInner>,
}

// A panic in a caller's hook is caught, and no lock here minds that its holder panicked.
impl UnwindSafe for Journal {}
impl RefUnwindSafe for Journal {}

/// What all clones share; dropped with the last of them.
#[derive(Debug)]
struct JournalInner {
    opening: Arc<Opening>,
    recorder: Arc<Recorder>,
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
        self.inner.opening.append_raw(kind.into(), payload.as_ref())
    }

    /// A session of this id, about to start; an id that was used before goes on.
    pub fn session<'a>(&self, id: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        SessionBuilder::new(Arc::clone(&self.inner.recorder), id.into())
    }

    /// The session of this id, to go on with: nothing is recorded. For another thread, or a worker
    /// that was started again; one that was never started is there as soon as something is
    /// recorded in it.
    #[must_use]
    pub fn session_by_id(&self, id: impl Into<String>) -> Session {
        Session::bound(Arc::clone(&self.inner.recorder), id.into())
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
    pub fn append_json(&self, line: impl AsRef<[u8]>) -> Result<Seq> {
        self.inner.recorder.append_json(line.as_ref(), None)
    }

    /// Records events in their JSON form, one a line; blank lines are skipped. `on_refused` hears
    /// of each one that was not recorded: the number of its line, from 1, and why. Returns the
    /// number of the last one that was.
    ///
    /// # Durability
    /// As [`append_raw`](Journal::append_raw).
    pub fn append_json_lines(
        &self,
        lines: impl AsRef<[u8]>,
        mut on_refused: impl FnMut(u64, Error),
    ) -> Option<Seq> {
        let mut last = None;
        let lines = lines.as_ref().split(|byte| *byte == b'\n');
        for (number, line) in (1..).zip(lines) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match self.append_json(line) {
                Ok(seq) => last = Some(seq),
                Err(error) => on_refused(number, error),
            }
        }
        last
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

    /// What was found left behind by runs that died when the run was opened; all openings that
    /// share it are told the same.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        let run = self.inner.opening.run();
        Recovery::new(run.storage(), run.recovered().to_vec())
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
        self.inner.opening.wait_durable(seq, None)
    }

    /// As [`wait_durable`](Journal::wait_durable), at most for `time`.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when the time is over, which says nothing about
    /// the record; else as [`wait_durable`](Journal::wait_durable).
    pub fn wait_durable_timeout(&self, seq: Seq, time: Duration) -> Result<()> {
        self.inner.opening.wait_durable(seq, deadline(time))
    }

    /// Resolves when every record up to `seq` is durable; runs on any executor.
    pub fn when_durable(&self, seq: Seq) -> WhenDurable {
        self.inner.opening.when_durable(seq)
    }

    /// Whether every record up to `seq` is durable. If that is not settled, a sync is asked for:
    /// an event loop asks again a little later. Never waits.
    ///
    /// # Errors
    /// As [`wait_durable`](Journal::wait_durable).
    pub fn poll_durable(&self, seq: Seq) -> Poll<Result<()>> {
        self.inner.opening.poll_durable(seq)
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
        self.inner.opening.sync()
    }

    /// The last record known durable; `None` if none is, as in a file system in memory.
    #[must_use]
    pub fn durable(&self) -> Option<Seq> {
        self.inner.opening.durable()
    }

    /// How the journal stands.
    #[must_use]
    pub fn info(&self) -> Info {
        Info::of(&self.inner.opening)
    }

    /// Whether this process opened the journal, not one that it is a fork of; asks nothing of the
    /// system where that can be told without.
    #[must_use]
    pub fn is_own_process(&self) -> bool {
        self.inner.opening.is_own_process()
    }

    /// A new span id, 16 lower-case hex digits, as spans get one that are given none.
    #[must_use]
    pub fn new_span_id(&self) -> String {
        self.inner.recorder.span_id()
    }

    /// A new trace id, 32 lower-case hex digits, as sessions get one that are given none.
    #[must_use]
    pub fn new_trace_id(&self) -> String {
        self.inner.recorder.trace_id()
    }

    /// Makes everything durable and closes the journal for all clones of this opening and its
    /// handles; later appends give [`Error::Closed`](crate::Error::Closed). Where other openings of
    /// this process share the run, they go on, and the last one to be closed closes it. Closing
    /// again gives the first result again.
    ///
    /// Sessions that [end with the journal](SessionBuilder::ends_with_journal) and were begun
    /// through this opening are ended first.
    ///
    /// # Durability
    /// After `Ok`, every record ever acknowledged survives power loss, and the run, if no other
    /// opening shares it, is on record as closed.
    ///
    /// # Errors
    /// [`Error::Poisoned`](crate::Error::Poisoned) if a sync failed, now or before;
    /// [`Error::Forked`](crate::Error::Forked).
    pub fn close(&self) -> Result<()> {
        self.inner.end(false, None)
    }

    /// As [`close`](Journal::close), waiting at most for `time`: for a hook that a program calls
    /// when it exits.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout) when the time is over: the journal is closed for
    /// its handles, and goes on with what is left to do; else as [`close`](Journal::close).
    pub fn close_timeout(&self, time: Duration) -> Result<()> {
        self.inner.end(false, deadline(time))
    }

    /// Makes everything durable and lets go of the journal as [`close_timeout`] does, but leaves
    /// the run to look as dead as the process is about to be: for programs that die of an exception
    /// of another language. No session is ended, and those that are open count as crashed.
    ///
    /// Where other openings share the run, they go on with it, and the last one to end decides.
    ///
    /// # Durability
    /// After `Ok`, every record ever acknowledged survives power loss.
    ///
    /// # Errors
    /// As [`close_timeout`].
    ///
    /// [`close_timeout`]: Journal::close_timeout
    pub fn leave(&self, time: Duration) -> Result<()> {
        self.inner.end(true, deadline(time))
    }
}

impl Journal {
    /// The journal of an opening, which keeps what its sessions have said if it is given that.
    pub(crate) fn new(opening: Opening, sharing: Option<SharedValues>) -> Journal {
        let opening = Arc::new(opening);
        let sink: Arc<dyn Sink> = opening.clone();
        let redact = opening.run().redact();
        Journal {
            inner: Arc::new(JournalInner {
                recorder: Arc::new(Recorder::new(sink, redact, sharing)),
                opening,
            }),
        }
    }

    /// Counts what stopped nothing, and has the hook told of it.
    pub(crate) fn report(&self, problems: &[Error]) {
        for problem in problems {
            self.inner.opening.report(problem);
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

impl JournalInner {
    fn end(&self, is_left: bool, deadline: Option<Instant>) -> Result<()> {
        if !is_left {
            for session in self.opening.take_ending() {
                self.recorder.end_session(&session);
            }
        }
        self.opening.end(EndingOf { is_left, deadline })
    }
}

impl Drop for JournalInner {
    fn drop(&mut self) {
        // A panic that takes the program down is no orderly close: the run dies with it, and the
        // panic's note is the reason. A caller that wants to know how it went calls `close`.
        let _ = self.end(std::thread::panicking(), deadline(CLOSE_TIME_MAX));
    }
}

/// The moment `time` from now; `None`, for ever, if there is no such moment.
fn deadline(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

/// How long dropping the last clone waits for the journal to close.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);
