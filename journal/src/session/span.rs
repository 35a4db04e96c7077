//! A span as its program sees it.

use std::borrow::Cow;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::receipt::Written;
use super::session_inner::SessionInner;
use crate::event::{
    Action, Channel, Counter, Event, IntoValue, Level, Log, Map, Number, SpanEnd, SpanFields,
    SpanLink, SpanStatus, SpanUpdate, Text, Value,
};
use crate::seeded::{self, Bug};

/// A span being recorded; clones share it.
///
/// Its methods never fail or panic and wait no longer than the backlog option says. Dropping the
/// last clone of a span that was started here and not ended ends it, with the status unset, unless
/// it is [detached](Span::detach). Ends of that kind behind which nothing more came of their
/// session before it crashed belong to its crash: those spans read as interrupted.
#[derive(Clone, Debug)]
pub struct Span {
    open: Arc<SpanInner>,
}

// A panic in a caller's hook is caught, and no lock here minds that its holder panicked.
impl UnwindSafe for Span {}
impl RefUnwindSafe for Span {}

/// What all clones share; dropped with the last of them.
#[derive(Debug)]
struct SpanInner {
    session: Arc<SessionInner>,
    id: String,
    started: Option<Written>,
    /// The last clone ends it.
    is_attached: AtomicBool,
}

impl Span {
    pub(super) fn started_as(session: Arc<SessionInner>, id: String, started: Written) -> Span {
        Span::new(session, id, Some(started))
    }

    pub(super) fn bound(session: Arc<SessionInner>, id: String) -> Span {
        Span::new(session, id, None)
    }

    fn new(session: Arc<SessionInner>, id: String, started: Option<Written>) -> Span {
        let open = Arc::new(SpanInner {
            session,
            id,
            is_attached: AtomicBool::new(started.is_some()),
            started,
        });
        Span { open }
    }

    /// Has nothing but an end end the span: dropping its handles, this one and all clones, writes
    /// nothing. For bindings, whose handles are dropped by a collector or a thread that is ended,
    /// and for tasks that may be given up: a span without an end is interrupted when its session
    /// crashes.
    #[must_use = "the span goes on through what this returns, or by its id"]
    pub fn detach(self) -> Span {
        let is_kept = seeded::has(Bug::DetachedEndsByDrop);
        self.open.is_attached.fetch_and(is_kept, Ordering::Relaxed);
        self
    }

    /// The span's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.open.id
    }

    /// What became of the record of its start; `None` if it was not started through this handle.
    #[must_use]
    pub fn started(&self) -> Option<Written> {
        self.open.started
    }

    /// Writes a piece of what the span puts out.
    pub fn text(&self, text: &str) -> Written {
        self.text_on(Channel::OUTPUT, text)
    }

    /// Writes a piece of one of the span's texts.
    pub fn text_on<'a>(&self, channel: impl Into<Channel<'a>>, text: &str) -> Written {
        self.write(Action::Text(Text {
            span: self.id().into(),
            channel: channel.into(),
            offset: None,
            text: text.into(),
        }))
    }

    /// Writes a line of the span's log.
    pub fn log<'a>(&self, level: Level, message: impl IntoValue<'a>) -> Written {
        let message = message.into_value();
        self.write(Action::Log(Log {
            span: Some(self.id().into()),
            event_name: None,
            level,
            message,
            attributes: Map::new(),
        }))
    }

    /// Sets an attribute.
    pub fn set<'a>(&self, name: impl Into<Cow<'a, str>>, value: impl IntoValue<'a>) -> Written {
        self.set_fields(SpanFields {
            attributes: Map::from([(name, value.into_value())]),
            ..SpanFields::default()
        })
    }

    /// Changes facts about the span; absent and empty ones never overwrite.
    pub fn set_fields(&self, fields: SpanFields<'_>) -> Written {
        self.write(Action::SpanUpdate(SpanUpdate {
            span: self.id().into(),
            fields,
            ..SpanUpdate::default()
        }))
    }

    /// Links the span to another span, trace or session.
    pub fn link<'a>(&self, to: impl Into<SpanLink<'a>>) -> Written {
        let to = to.into();
        self.write(Action::Link(SpanLink {
            span: Some(self.id().into()),
            ..to
        }))
    }

    /// Sets a counter of the span.
    pub fn counter<'a>(&self, name: impl Into<Cow<'a, str>>, value: impl Into<Number>) -> Written {
        let name = name.into();
        self.write(Action::Counter(Counter {
            name,
            value: value.into(),
            unit: None,
            span: Some(self.id().into()),
        }))
    }

    /// Ends the span.
    pub fn end(&self, status: SpanStatus) -> Written {
        self.end_as(status, None)
    }

    /// Ends the span with what it gave back.
    pub fn end_with<'a>(&self, status: SpanStatus, output: impl IntoValue<'a>) -> Written {
        self.end_as(status, Some(output.into_value()))
    }

    /// As `finish` does it, without the detour by a builder: most spans end like this.
    fn end_as<'a>(&'a self, status: SpanStatus, output: Option<Value<'a>>) -> Written {
        let mut event = Event::new(Action::SpanEnd(SpanEnd {
            span: Cow::Borrowed(self.id()),
            status,
            fields: SpanFields {
                output,
                ..SpanFields::default()
            },
            ..SpanEnd::default()
        }));
        self.write_end(&mut event)
    }

    pub(super) fn session(&self) -> &Arc<SessionInner> {
        &self.open.session
    }

    pub(super) fn write_end<'e>(&'e self, event: &mut Event<'e>) -> Written {
        self.open.is_attached.store(false, Ordering::Relaxed);
        self.open.session.write_event(event)
    }

    fn write(&self, action: Action<'_>) -> Written {
        self.open.session.write(action)
    }
}

impl Drop for SpanInner {
    fn drop(&mut self) {
        if !self.is_attached.load(Ordering::Relaxed) {
            return;
        }
        let reason = "dropped while panicking";
        let mut event = Event::new(Action::SpanEnd(SpanEnd {
            span: self.id.as_str().into(),
            status_message: std::thread::panicking().then_some(reason.into()),
            ended_by_drop: true,
            ..SpanEnd::default()
        }));
        self.session
            .recorder
            .write_in_drop(&self.session.id, &mut event);
    }
}

impl<'a> From<&'a Span> for SpanLink<'a> {
    /// A link to the span.
    fn from(span: &'a Span) -> SpanLink<'a> {
        SpanLink {
            to_session: Some(Cow::Borrowed(span.open.session.id.as_str())),
            to_span: Some(Cow::Borrowed(span.id())),
            ..SpanLink::default()
        }
    }
}
