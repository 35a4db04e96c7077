//! A session about to start.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::ids::trace_id_of_header;
use super::recorder::Recorder;
use super::session::Session;
use super::sink::SessionId;
use crate::event::{Action, Event, IntoValue, SessionStart, Value};
use crate::seq::Address;
use crate::time::Timestamp;

/// A session about to start; nothing is recorded before [`start`](SessionBuilder::start).
#[derive(Debug)]
#[must_use = "a session starts with `start`"]
pub struct SessionBuilder<'a> {
    recorder: Arc<Recorder>,
    id: Cow<'a, str>,
    at: Option<Timestamp>,
    start: SessionStart<'a>,
    ends_with_journal: bool,
}

impl<'a> SessionBuilder<'a> {
    pub(crate) fn new(recorder: Arc<Recorder>, id: Cow<'a, str>) -> SessionBuilder<'a> {
        SessionBuilder {
            recorder,
            id,
            at: None,
            start: SessionStart::default(),
            ends_with_journal: false,
        }
    }

    /// The name of the session's root span. Default: the session's id.
    pub fn name(mut self, name: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        self.start.name = Some(name.into());
        self
    }

    /// The id of the trace; of a W3C `traceparent` header, the trace id in it. Default: a new one.
    pub fn trace_id(mut self, trace_id: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        let given: Cow<'a, str> = trace_id.into();
        let in_header = trace_id_of_header(&given).map(str::to_owned);
        self.start.trace_id = Some(in_header.map_or(given, Cow::Owned));
        self
    }

    /// The id of the session's root span. Default: `root`.
    pub fn root_span(mut self, span: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        self.start.span = Some(span.into());
        self
    }

    /// The session this one was started from.
    pub fn parent_session(mut self, session: impl Into<Cow<'a, str>>) -> SessionBuilder<'a> {
        self.start.parent_session = Some(session.into());
        self
    }

    /// The record this session was forked after.
    pub fn forked_at(mut self, address: Address) -> SessionBuilder<'a> {
        self.start.forked_at = Some(address);
        self
    }

    /// When the session began. Default: now.
    pub fn at(mut self, at: Timestamp) -> SessionBuilder<'a> {
        self.at = Some(at);
        self
    }

    /// Sets a member of the session's metadata, such as `title`, `prompt` or `model`.
    pub fn set(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl IntoValue<'a>,
    ) -> SessionBuilder<'a> {
        self.start.metadata.insert(name, value);
        self
    }

    /// Sets every member of what `data` serialises to, which must be a map or a structure. If it
    /// is not, nothing is set, and the error hook hears of it.
    pub fn set_from(mut self, data: &(impl Serialize + ?Sized)) -> SessionBuilder<'a> {
        match &mut self.recorder.serialized(data) {
            Some(Value::Map(members)) => self.start.metadata.extend(std::mem::take(members)),
            Some(_) => self.recorder.refuse_unnamed(),
            None => {}
        }
        self
    }

    /// Has the session end, completed, when the journal is closed in order and it has not ended
    /// before: for programs whose sessions have no end of their own, as those of `tracing`.
    ///
    /// A journal that is dropped while a panic unwinds, [`leave`](crate::Journal::leave), and the
    /// death of the process do not end it: then it has crashed. What counts is the opening of the
    /// journal that the session is started through.
    pub fn ends_with_journal(mut self) -> SessionBuilder<'a> {
        self.ends_with_journal = true;
        self
    }

    /// Records the start and returns the session. A session of the same id goes on: members of
    /// its metadata are merged, its first name, trace and time stand.
    pub fn start(self) -> Session {
        let mut start = self.start;
        let trace_id = match start.trace_id.take() {
            Some(trace_id) => trace_id.into_owned(),
            None => self.recorder.trace_id(),
        };
        let start = SessionStart {
            trace_id: Some(Cow::Borrowed(trace_id.as_str())),
            ..start
        };
        let id = SessionId::new(self.id);
        let mut event = Event::new(Action::SessionStart(start));
        event.at = self.at;
        let started = self.recorder.write(Some(&id), &mut event);
        drop(event);
        if self.ends_with_journal {
            self.recorder.end_with_journal(id.as_str());
        }
        Session::new(self.recorder, id, trace_id, started)
    }
}
