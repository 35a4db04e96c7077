//! A session as its program sees it.

use std::borrow::Cow;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::receipt::Written;
use super::recorder::Recorder;
use super::session_inner::SessionInner;
use super::sink::SessionId;
use super::span::Span;
use super::span_builder::SpanBuilder;
use crate::error::Result;
use crate::event::{
    Action, Counter, Crash, Event, IntoValue, Level, Log, Map, Number, SessionEnd, SessionStatus,
    SessionUpdate, SpanLink,
};
use crate::format::UserKind;
use crate::seq::Seq;

/// A session being recorded; clones share it.
///
/// Its methods never fail or panic and wait no longer than the backlog option says; what became of
/// a record is told by [`Written`]. Dropping it writes nothing: a session that is never ended
/// counts as crashed once its process is gone.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<SessionInner>,
}

// A panic in a caller's hook is caught, and no lock here minds that its holder panicked.
impl UnwindSafe for Session {}
impl RefUnwindSafe for Session {}

impl Session {
    pub(super) fn new(
        recorder: Arc<Recorder>,
        id: SessionId,
        trace_id: String,
        started: Written,
    ) -> Session {
        let shared = Arc::new(SessionInner {
            recorder,
            id,
            trace_id,
            started: Some(started),
        });
        Session { shared }
    }

    /// One that was started somewhere else.
    pub(crate) fn bound(recorder: Arc<Recorder>, id: String) -> Session {
        let shared = Arc::new(SessionInner {
            recorder,
            id: SessionId::new(id),
            trace_id: String::new(),
            started: None,
        });
        Session { shared }
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.shared.id.as_str()
    }

    /// The trace id given or made at this start; of a session that goes on, the first one stands.
    /// Empty for one that was not started through this handle.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.shared.trace_id
    }

    /// What became of the record of its start; `None` if it was not started through this handle.
    #[must_use]
    pub fn started(&self) -> Option<Written> {
        self.shared.started
    }

    /// A span below the root span.
    pub fn span<'a>(&self, name: impl Into<Cow<'a, str>>) -> SpanBuilder<'a> {
        SpanBuilder::new(Arc::clone(&self.shared), None, name.into())
    }

    /// The span of that id, wherever it was started. Dropping this handle does not end it.
    #[must_use]
    pub fn span_by_id(&self, id: impl Into<String>) -> Span {
        Span::bound(Arc::clone(&self.shared), id.into())
    }

    /// Sets a member of the session's metadata, such as `title`.
    pub fn set<'a>(&self, name: impl Into<Cow<'a, str>>, value: impl IntoValue<'a>) -> Written {
        self.set_all(Map::from([(name, value.into_value())]))
    }

    /// Merges members into the session's metadata; empty ones never overwrite.
    pub fn set_all(&self, metadata: Map<'_>) -> Written {
        self.shared.write(Action::SessionUpdate(SessionUpdate {
            name: None,
            metadata,
        }))
    }

    /// Gives the session's root span another name.
    pub fn set_name<'a>(&self, name: impl Into<Cow<'a, str>>) -> Written {
        self.shared.write(Action::SessionUpdate(SessionUpdate {
            name: Some(name.into()),
            metadata: Map::new(),
        }))
    }

    /// Writes a line of the session's log.
    pub fn log<'a>(&self, level: Level, message: impl IntoValue<'a>) -> Written {
        self.shared.write(Action::Log(Log {
            span: None,
            event_name: None,
            level,
            message: message.into_value(),
            attributes: Map::new(),
        }))
    }

    /// Sets a counter of the session.
    pub fn counter<'a>(&self, name: impl Into<Cow<'a, str>>, value: impl Into<Number>) -> Written {
        self.shared.write(Action::Counter(Counter {
            name: name.into(),
            value: value.into(),
            unit: None,
            span: None,
        }))
    }

    /// Links the session's root span to another span, trace or session.
    pub fn link<'a>(&self, to: impl Into<SpanLink<'a>>) -> Written {
        self.shared.write(Action::Link(to.into()))
    }

    /// Records an event; one that names no session belongs to this one.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent) if the event has no encoding or the
    /// redaction hook panics; else as [`Journal::append_raw`](crate::Journal::append_raw).
    pub fn append(&self, event: Event<'_>) -> Result<Seq> {
        let shared = &self.shared;
        // May borrow from this handle as well.
        let mut event: Event<'_> = event;
        shared.recorder.record(Some(&shared.id), &mut event, None)
    }

    /// Records an event in its JSON form; one that names no session belongs to this one.
    ///
    /// # Errors
    /// As [`Journal::append_json`](crate::Journal::append_json).
    pub fn append_json(&self, line: impl AsRef<[u8]>) -> Result<Seq> {
        let shared = &self.shared;
        shared.recorder.append_json(line.as_ref(), Some(self.id()))
    }

    /// Appends a record of the caller's own kind to the session; it bypasses redaction.
    ///
    /// # Errors
    /// As [`Journal::append_raw`](crate::Journal::append_raw).
    pub fn append_raw(&self, kind: UserKind, payload: impl AsRef<[u8]>) -> Result<Seq> {
        let shared = &self.shared;
        shared
            .recorder
            .append_raw(&shared.id, kind, payload.as_ref())
    }

    /// Ends the session: completed. Spans still open stay open.
    pub fn end(&self) -> Written {
        self.end_as(SessionStatus::Completed, None)
    }

    /// Ends the session: it failed, for this reason.
    pub fn fail<'a>(&self, reason: impl Into<Cow<'a, str>>) -> Written {
        self.end_as(SessionStatus::Error, Some(reason.into()))
    }

    /// Gives the session up as crashed, for this reason; spans still open are interrupted.
    pub fn crash<'a>(&self, reason: impl Into<Cow<'a, str>>) -> Written {
        self.shared.write(Action::Crash(Crash {
            reason: Some(reason.into()),
            location: None,
        }))
    }

    fn end_as(&self, status: SessionStatus, error: Option<Cow<'_, str>>) -> Written {
        self.shared
            .write(Action::SessionEnd(SessionEnd { status, error }))
    }
}

impl<'a> From<&'a Session> for SpanLink<'a> {
    /// A link to the session.
    fn from(session: &'a Session) -> SpanLink<'a> {
        SpanLink {
            to_session: Some(Cow::Borrowed(session.id())),
            ..SpanLink::default()
        }
    }
}
