//! The way of every typed event: completed, redacted, encoded, appended.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;

use super::Written;
use super::shared_values::SharedValues;
use super::sink::{SessionId, Sink};
use crate::error::{Error, Result};
use crate::event::codec::Marks;
use crate::event::hex::to_hex;
use crate::event::{Action, Crash, Event, JsonLine, SessionEnd, SessionStatus, Value, codec};
use crate::format::{RecordKind, UserKind};
use crate::own_thread::without_signals;
use crate::seeded::{self, Bug};
use crate::seq::{RunId, Seq};
use crate::time::Timestamp;

/// A caller's function that sees every typed event before a byte of it is encoded.
pub(crate) type Redact = Arc<dyn Fn(&mut Event<'_>) + Send + Sync>;

/// What all handles of a journal write through.
pub(crate) struct Recorder {
    sink: Arc<dyn Sink>,
    redact: Option<Redact>,
    /// `None`: every record says all of its values.
    sharing: Option<SharedValues>,
}

impl Recorder {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        redact: Option<Redact>,
        sharing: Option<SharedValues>,
    ) -> Recorder {
        Recorder {
            sink,
            redact,
            sharing,
        }
    }

    /// Records an event as it stands.
    pub(crate) fn append(&self, mut event: Event<'_>) -> Result<Seq> {
        self.record(None, &mut event, None)
    }

    /// Records an event in its JSON form.
    pub(crate) fn append_json(&self, line: &[u8], session: Option<&str>) -> Result<Seq> {
        let line = JsonLine::parse(line, session);
        self.append_parsed(line.inspect_err(|error| self.sink.note_refused(None, error.code()))?)
    }

    /// Records an event that was read from its JSON form.
    pub(crate) fn append_parsed(&self, line: JsonLine<'_>) -> Result<Seq> {
        let JsonLine { mut event, run, .. } = line;
        self.record(None, &mut event, run)
    }

    /// Notes that the whole process is about to die; may be called by a panic hook.
    pub(crate) fn note_crash(&self, reason: &str, location: Option<&str>) -> Written {
        let mut event = Event::new(Action::Crash(Crash {
            reason: Some(Cow::Borrowed(reason)),
            location: location.map(Cow::Borrowed),
        }));
        if !std::thread::panicking() {
            return self.write(None, &mut event);
        }
        if self.redact.is_none() {
            return Written::new(&self.record(None, &mut event, None));
        }
        // A panic within a panic hook aborts the process, and the redaction hook may panic: let
        // it, on a thread of its own. It is the redaction hook's own panic that needs no note.
        let recorded = check_not_redacting().and_then(|()| {
            std::thread::scope(|scope| {
                let thread = std::thread::Builder::new();
                let record = || self.record(None, &mut event, None);
                let note = without_signals(|| thread.spawn_scoped(scope, record));
                let noted = note.ok().and_then(|note| note.join().ok());
                noted.unwrap_or_else(|| Err(invalid("no thread could note the crash")))
            })
        });
        Written::new(&recorded)
    }

    /// Records an event of a handle: an error goes to the error hook.
    pub(super) fn write<'e>(
        &self,
        session: Option<&'e SessionId>,
        event: &mut Event<'e>,
    ) -> Written {
        let recorded = self.record(session, event, None);
        if let Err(error) = &recorded {
            self.sink.report(error);
        }
        Written::new(&recorded)
    }

    /// Records an event of a handle that is being dropped. A journal that is closed by then is no
    /// error: the caller did not ask for this record.
    pub(super) fn write_in_drop<'e>(&self, session: &'e SessionId, event: &mut Event<'e>) {
        match self.record(Some(session), event, None) {
            Ok(_) | Err(Error::Closed | Error::Forked | Error::Disabled { .. }) => {}
            Err(error) => self.sink.report(&error),
        }
    }

    /// Appends a payload of the caller's own.
    pub(super) fn append_raw(
        &self,
        session: &SessionId,
        kind: UserKind,
        payload: &[u8],
    ) -> Result<Seq> {
        self.sink.append(kind.into(), Some(session), payload)
    }

    /// Records an event; one that names no session belongs to `session`.
    pub(super) fn record<'e>(
        &self,
        session: Option<&'e SessionId>,
        event: &mut Event<'e>,
        source: Option<RunId>,
    ) -> Result<Seq> {
        if event.session.is_none() {
            event.session = session.map(|session| Cow::Borrowed(session.as_str()));
        }
        self.sink
            .check()
            .inspect_err(|error| self.refuse(event, error))?;
        self.complete(event);
        let is_end = matches!(event.action, Action::SessionEnd(_) | Action::Crash(_));
        let ended = event.session.clone().filter(|_| is_end);
        let recorded = self.record_complete(session, event, source)?;
        if let Some(ended) = ended {
            self.sink.session_ended(&ended);
        }
        Ok(recorded)
    }

    fn record_complete<'e>(
        &self,
        session: Option<&'e SessionId>,
        event: &mut Event<'e>,
        source: Option<RunId>,
    ) -> Result<Seq> {
        let checked = self.redact(event).and_then(|()| check_session(event));
        checked.inspect_err(|error| self.refuse(event, error))?;
        if let (Action::Text(text), Some(id)) = (&mut event.action, &event.session) {
            self.sink.place_text(id, text, source);
        }
        // The hook may have renamed the session, and the event may name another one.
        match (event.session.as_deref(), session) {
            (Some(id), Some(session)) if id == session.as_str() => {
                self.append_encoded(Some(session), event)
            }
            (Some(id), _) => self.append_encoded(Some(&SessionId::new(id)), event),
            (None, _) => self.append_encoded(None, event),
        }
    }

    fn refuse(&self, event: &Event<'_>, error: &Error) {
        self.sink
            .note_refused(event.session.as_deref(), error.code());
    }

    /// What the caller left out and the journal knows.
    fn complete(&self, event: &mut Event<'_>) {
        let is_timeless =
            seeded::has(Bug::LineTimeForgotten) && matches!(event.action, Action::Line(_));
        if event.at.is_none() && !is_timeless {
            event.at = Some(Timestamp::now());
        }
        if let Action::SessionStart(start) = &mut event.action {
            let trace_id = &mut start.trace_id;
            trace_id.get_or_insert_with(|| Cow::Owned(self.trace_id()));
        }
    }

    fn redact(&self, event: &mut Event<'_>) -> Result<()> {
        let Some(redact) = &self.redact else {
            return Ok(());
        };
        // A hook that records an event would be called for that one, and so on without end.
        check_not_redacting()?;
        let _ = IS_REDACTING.try_with(|is_redacting| is_redacting.set(true));
        let hidden = catch_unwind(AssertUnwindSafe(|| redact(event)));
        let _ = IS_REDACTING.try_with(|is_redacting| is_redacting.set(false));
        hidden.map_err(|_| invalid("the redaction hook panicked"))
    }

    fn append_encoded(&self, session: Option<&SessionId>, event: &Event<'_>) -> Result<Seq> {
        let (mut buffer, mut marks) = take_buffer();
        let asked = self.sharing.is_some().then_some(&mut marks);
        let encoded = codec::encode_marked(event, &mut buffer, asked);
        let appended = match encoded {
            Ok(kind) => match (&self.sharing, session) {
                (Some(sharing), Some(session)) if self.shares(sharing, kind, &buffer) => {
                    sharing.append(&*self.sink, kind, session, (&buffer, &marks))
                }
                _ => self.sink.append(kind, session, &buffer),
            },
            Err(error) => {
                let session = session.map(SessionId::as_str);
                self.sink.note_refused(session, error.code());
                Err(error)
            }
        };
        put_back(buffer, marks);
        appended
    }

    /// What `data` serialises to; the error hook hears of what cannot be.
    pub(super) fn serialized(&self, data: &(impl Serialize + ?Sized)) -> Option<Value<'static>> {
        // The program's own code: it may panic.
        let made = catch_unwind(AssertUnwindSafe(|| Value::from_serialize(data)));
        let made = made.unwrap_or_else(|_| Err(invalid("what was to be recorded panicked")));
        made.inspect_err(|error| self.sink.report(error)).ok()
    }

    /// Tells the error hook that what was to be set has no names.
    pub(super) fn refuse_unnamed(&self) {
        self.sink
            .report(&invalid("metadata is not made of named members"));
    }

    /// In a fork the lock of what was said may never be free.
    fn shares(&self, sharing: &SharedValues, kind: RecordKind, payload: &[u8]) -> bool {
        sharing.takes(kind, payload) && self.sink.is_own_process()
    }

    /// A new span id: 16 lower-case hex digits, not all zero.
    pub(crate) fn span_id(&self) -> String {
        to_hex(self.sink.new_id().to_le_bytes())
    }

    /// A new trace id: 32 lower-case hex digits, not all zero.
    pub(crate) fn trace_id(&self) -> String {
        self.span_id() + &self.span_id()
    }

    /// Has the session end when the journal does, in order.
    pub(super) fn end_with_journal(&self, session: &str) {
        self.sink.end_with_journal(session);
    }

    /// Ends a session whose journal is being closed.
    pub(crate) fn end_session(&self, session: &str) {
        let end = SessionEnd {
            status: SessionStatus::Completed,
            error: None,
        };
        let mut event = Event::new(Action::SessionEnd(end)).in_session(session);
        self.write(None, &mut event);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}

/// Only a crash and a record of an unknown kind may be without a session, and only of a kind that
/// is not known may one be bytes.
fn check_session(event: &Event<'_>) -> Result<()> {
    if let Action::Unknown { kind, .. } = event.action
        && codec::is_known(RecordKind(kind))
    {
        // The same bytes may say something else in another place: their values may stand elsewhere.
        return Err(Error::InvalidEvent {
            reason: format!(
                "records of kind {kind} are events, and bytes of them are not recorded"
            ),
        });
    }
    let is_free = matches!(event.action, Action::Crash(_) | Action::Unknown { .. });
    if event.session.is_some() || is_free {
        return Ok(());
    }
    Err(invalid("the event names no session"))
}

fn check_not_redacting() -> Result<()> {
    match IS_REDACTING.try_with(Cell::get) {
        Ok(true) => Err(invalid("recorded by the redaction hook")),
        _ => Ok(()),
    }
}

fn invalid(reason: &str) -> Error {
    Error::InvalidEvent {
        reason: reason.to_owned(),
    }
}

thread_local! {
    static BUFFER: RefCell<(Vec<u8>, Marks)> =
        const { RefCell::new((Vec::new(), Marks::new())) };
    static IS_REDACTING: Cell<bool> = const { Cell::new(false) };
}

/// The thread's buffer and place for marks, emptied; new ones while they are in use or the thread
/// is ending.
fn take_buffer() -> (Vec<u8>, Marks) {
    let taken = BUFFER.try_with(|buffer| std::mem::take(&mut *buffer.borrow_mut()));
    let (mut buffer, mut marks) = taken.unwrap_or_default();
    buffer.clear();
    marks.clear();
    (buffer, marks)
}

/// Gives them back, unless one large event made them larger than the others need.
fn put_back(buffer: Vec<u8>, marks: Marks) {
    if buffer.capacity() <= BUFFER_LEN_MAX && marks.capacity() <= MARKS_MAX {
        let _ = BUFFER.try_with(|kept| kept.replace((buffer, marks)));
    }
}

const BUFFER_LEN_MAX: usize = 1 << 20;

const MARKS_MAX: usize = 1 << 14;
