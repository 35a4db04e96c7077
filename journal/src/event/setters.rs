//! How the parts of events are made: constructors, and a setter for each field.
//!
//! The structures can grow, so they are no literals outside of this library.

use std::borrow::Cow;

use super::{
    Action, Channel, Counter, Crash, Custom, IntoValue, Level, Line, Log, Map, Model, Number,
    OtlpKind, SessionEnd, SessionStart, SessionStatus, SessionUpdate, SpanEnd, SpanFields,
    SpanKind, SpanLink, SpanStart, SpanStatus, SpanUpdate, Text, Tokens,
};
use crate::seq::Address;
use crate::time::Timestamp;

macro_rules! setters {
    ($type:ident: $($kind:ident $field:ident: $value:ty,)+) => {
        impl<'a> $type<'a> {
            $(setters!(@ $kind $type $field $value);)+
        }
    };
    (@ plain $type:ident $field:ident $value:ty) => {
        #[doc = concat!("The same with this `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$value>) -> $type<'a> {
            self.$field = $field.into();
            self
        }
    };
    (@ some $type:ident $field:ident $value:ty) => {
        #[doc = concat!("The same with this `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$value>) -> $type<'a> {
            self.$field = Some($field.into());
            self
        }
    };
    (@ value $type:ident $field:ident $value:ty) => {
        #[doc = concat!("The same with this `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $field: impl IntoValue<'a>) -> $type<'a> {
            self.$field = Some($field.into_value());
            self
        }
    };
}

setters!(SessionStart:
    some trace_id: Cow<'a, str>,
    some name: Cow<'a, str>,
    some span: Cow<'a, str>,
    some parent_session: Cow<'a, str>,
    some forked_at: Address,
    plain metadata: Map<'a>,
);
setters!(SessionUpdate:
    some name: Cow<'a, str>,
    plain metadata: Map<'a>,
);
setters!(SessionEnd:
    some error: Cow<'a, str>,
);
setters!(Model:
    some model_id: Cow<'a, str>,
    some provider_id: Cow<'a, str>,
    some variant: Cow<'a, str>,
);
setters!(SpanFields:
    value input: Value<'a>,
    value output: Value<'a>,
    some model: Model<'a>,
    some call_id: Cow<'a, str>,
    some tokens: Tokens,
    some cost: Number,
    some finish_reason: Cow<'a, str>,
    plain attributes: Map<'a>,
);
setters!(SpanStart:
    some parent: Cow<'a, str>,
    plain kind: SpanKind<'a>,
    some started_at: Timestamp,
    some trace_id: Cow<'a, str>,
    some otlp_kind: OtlpKind,
    plain fields: SpanFields<'a>,
);
setters!(SpanUpdate:
    some name: Cow<'a, str>,
    some status: SpanStatus,
    some status_message: Cow<'a, str>,
    plain fields: SpanFields<'a>,
);
setters!(SpanEnd:
    some status_message: Cow<'a, str>,
    some ended_at: Timestamp,
    plain ended_by_drop: bool,
    plain fields: SpanFields<'a>,
);
setters!(Text:
    plain channel: Channel<'a>,
    some offset: u64,
);
setters!(Log:
    some span: Cow<'a, str>,
    some event_name: Cow<'a, str>,
    plain attributes: Map<'a>,
);
setters!(SpanLink:
    some span: Cow<'a, str>,
    some to_trace_id: Cow<'a, str>,
    some to_session: Cow<'a, str>,
    some to_span: Cow<'a, str>,
    plain attributes: Map<'a>,
);
setters!(Counter:
    some unit: Cow<'a, str>,
    some span: Cow<'a, str>,
);
setters!(Crash:
    some reason: Cow<'a, str>,
    some location: Cow<'a, str>,
);

impl SessionEnd<'_> {
    /// The end of a session: [`SessionStatus::Completed`] or [`SessionStatus::Error`].
    #[must_use]
    pub fn new(status: SessionStatus) -> Self {
        SessionEnd {
            status,
            error: None,
        }
    }
}

impl<'a> SpanStart<'a> {
    /// The start of a span of this id and name, of kind [`SpanKind::SPAN`].
    #[must_use]
    pub fn new(span: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) -> SpanStart<'a> {
        SpanStart {
            span: span.into(),
            parent: None,
            kind: SpanKind::SPAN,
            name: name.into(),
            started_at: None,
            trace_id: None,
            otlp_kind: None,
            fields: SpanFields::default(),
        }
    }
}

impl<'a> SpanUpdate<'a> {
    /// A change of the span of this id, of nothing yet.
    #[must_use]
    pub fn new(span: impl Into<Cow<'a, str>>) -> SpanUpdate<'a> {
        SpanUpdate {
            span: span.into(),
            ..SpanUpdate::default()
        }
    }
}

impl<'a> SpanEnd<'a> {
    /// The end of the span of this id.
    #[must_use]
    pub fn new(span: impl Into<Cow<'a, str>>, status: SpanStatus) -> SpanEnd<'a> {
        SpanEnd {
            span: span.into(),
            status,
            ..SpanEnd::default()
        }
    }
}

impl<'a> Text<'a> {
    /// A piece of what the span of this id puts out.
    #[must_use]
    pub fn new(span: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) -> Text<'a> {
        Text {
            span: span.into(),
            channel: Channel::OUTPUT,
            offset: None,
            text: text.into(),
        }
    }
}

impl<'a> Log<'a> {
    /// A line of the session's log.
    #[must_use]
    pub fn new(level: Level, message: impl IntoValue<'a>) -> Log<'a> {
        Log {
            span: None,
            event_name: None,
            level,
            message: message.into_value(),
            attributes: Map::new(),
        }
    }
}

impl<'a> Counter<'a> {
    /// The value of the counter of this name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Number>) -> Counter<'a> {
        Counter {
            name: name.into(),
            value: value.into(),
            unit: None,
            span: None,
        }
    }
}

impl<'a> Custom<'a> {
    /// An event of the caller's own kind of this name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, data: impl IntoValue<'a>) -> Custom<'a> {
        Custom {
            name: name.into(),
            data: data.into_value(),
        }
    }
}

impl<'a> Line<'a> {
    /// A line, without its newline.
    #[must_use]
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Line<'a> {
        Line {
            bytes: bytes.into(),
        }
    }
}

impl Tokens {
    /// So many tokens read and written, and none of the other sorts.
    #[must_use]
    pub fn new(input: impl Into<Number>, output: impl Into<Number>) -> Tokens {
        Tokens {
            input: input.into(),
            output: output.into(),
            ..Tokens::default()
        }
    }

    /// The same with so many tokens of reasoning.
    #[must_use]
    pub fn reasoning(mut self, count: impl Into<Number>) -> Tokens {
        self.reasoning = count.into();
        self
    }

    /// The same with so many tokens read from a cache.
    #[must_use]
    pub fn cache_read(mut self, count: impl Into<Number>) -> Tokens {
        self.cache_read = count.into();
        self
    }

    /// The same with so many tokens written to a cache.
    #[must_use]
    pub fn cache_write(mut self, count: impl Into<Number>) -> Tokens {
        self.cache_write = count.into();
        self
    }
}

macro_rules! into_action {
    ($($type:ident => $variant:ident,)+) => {$(
        impl<'a> From<$type<'a>> for Action<'a> {
            fn from(part: $type<'a>) -> Action<'a> {
                Action::$variant(part)
            }
        }
    )+};
}

into_action! {
    SessionStart => SessionStart,
    SessionUpdate => SessionUpdate,
    SessionEnd => SessionEnd,
    SpanStart => SpanStart,
    SpanUpdate => SpanUpdate,
    SpanEnd => SpanEnd,
    Text => Text,
    Log => Log,
    SpanLink => Link,
    Counter => Counter,
    Crash => Crash,
    Custom => Custom,
    Line => Line,
}
