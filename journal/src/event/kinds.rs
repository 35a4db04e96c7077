//! Open and closed sets of names used by events.

use std::borrow::Cow;

/// What kind of work a span is: an open set of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpanKind<'a>(pub(crate) Cow<'a, str>);

impl SpanKind<'static> {
    /// A whole session; the kind of a root span.
    pub const SESSION: SpanKind<'static> = SpanKind(Cow::Borrowed("session"));
    /// One call of a model.
    pub const GENERATION: SpanKind<'static> = SpanKind(Cow::Borrowed("generation"));
    /// One call of a tool.
    pub const TOOL: SpanKind<'static> = SpanKind(Cow::Borrowed("tool"));
    /// A piece of text.
    pub const TEXT: SpanKind<'static> = SpanKind(Cow::Borrowed("text"));
    /// Any other work.
    pub const SPAN: SpanKind<'static> = SpanKind(Cow::Borrowed("span"));
    /// What the user wrote.
    pub const USER_MESSAGE: SpanKind<'static> = SpanKind(Cow::Borrowed("user-message"));
}

impl<'a> SpanKind<'a> {
    /// The kind of this name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>) -> SpanKind<'a> {
        SpanKind(name.into())
    }

    /// The kind's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same kind, borrowing nothing; those that have a name here take no memory.
    pub(crate) fn into_owned(self) -> SpanKind<'static> {
        let named = KINDS.iter().find(|kind| kind.0 == self.0);
        named.map_or_else(
            || SpanKind(Cow::Owned(self.0.into_owned())),
            SpanKind::clone,
        )
    }
}

const KINDS: [SpanKind<'static>; 6] = [
    SpanKind::GENERATION,
    SpanKind::TOOL,
    SpanKind::SPAN,
    SpanKind::TEXT,
    SpanKind::SESSION,
    SpanKind::USER_MESSAGE,
];

/// Which of a span's texts a piece continues: an open set of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel<'a>(pub(crate) Cow<'a, str>);

impl Channel<'static> {
    /// What a model or a tool puts out.
    pub const OUTPUT: Channel<'static> = Channel(Cow::Borrowed("output"));
    /// What a model thinks.
    pub const REASONING: Channel<'static> = Channel(Cow::Borrowed("reasoning"));
    /// Streaming input.
    pub const INPUT: Channel<'static> = Channel(Cow::Borrowed("input"));
    /// A process's standard output.
    pub const STDOUT: Channel<'static> = Channel(Cow::Borrowed("stdout"));
    /// A process's standard error.
    pub const STDERR: Channel<'static> = Channel(Cow::Borrowed("stderr"));
}

impl<'a> Channel<'a> {
    /// The channel of this name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>) -> Channel<'a> {
        Channel(name.into())
    }

    /// The channel's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpanStatus {
    /// It was not said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

impl SpanStatus {
    /// The status's name in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SpanStatus::Unset => "unset",
            SpanStatus::Ok => "ok",
            SpanStatus::Error => "error",
        }
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// Its program is still at it.
    Running,
    /// Its program ended it.
    Completed,
    /// Its program ended it with an error.
    Error,
    /// Its program died, or gave it up.
    Crashed,
}

impl SessionStatus {
    /// The status's name in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SessionStatus::Running => "running",
            SessionStatus::Completed => "completed",
            SessionStatus::Error => "error",
            SessionStatus::Crashed => "crashed",
        }
    }
}

/// How severe a log line is: an OpenTelemetry severity number, 1 to 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub(crate) u8);

impl Level {
    /// Severity number 1.
    pub const TRACE: Level = Level(1);
    /// Severity number 5.
    pub const DEBUG: Level = Level(5);
    /// Severity number 9.
    pub const INFO: Level = Level(9);
    /// Severity number 13.
    pub const WARN: Level = Level(13);
    /// Severity number 17.
    pub const ERROR: Level = Level(17);
    /// Severity number 21.
    pub const FATAL: Level = Level(21);

    /// The level of this severity number.
    #[must_use]
    pub const fn new(number: u8) -> Level {
        Level(number)
    }

    /// The severity number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The level's name, if its number has one of its own.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let named = LEVEL_NAMES.iter().find(|(_, level)| *level == self);
        named.map(|(name, _)| *name)
    }

    /// The level of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Level> {
        let mut names = LEVEL_NAMES.iter().chain(&[("warning", Level::WARN)]);
        let named = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, level)| *level)
    }
}

const LEVEL_NAMES: [(&str, Level); 6] = [
    ("trace", Level::TRACE),
    ("debug", Level::DEBUG),
    ("info", Level::INFO),
    ("warn", Level::WARN),
    ("error", Level::ERROR),
    ("fatal", Level::FATAL),
];

/// The OpenTelemetry span kind, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtlpKind(pub(crate) u8);

impl OtlpKind {
    /// The span kind of this number.
    #[must_use]
    pub const fn new(number: u8) -> OtlpKind {
        OtlpKind(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

macro_rules! from_text {
    ($($open:ident),*) => {$(
        impl<'a> From<&'a str> for $open<'a> {
            fn from(name: &'a str) -> $open<'a> {
                $open(Cow::Borrowed(name))
            }
        }

        impl<'a> From<&'a String> for $open<'a> {
            fn from(name: &'a String) -> $open<'a> {
                $open(Cow::Borrowed(name))
            }
        }

        impl From<String> for $open<'_> {
            fn from(name: String) -> Self {
                $open(Cow::Owned(name))
            }
        }

        impl<'a> From<Cow<'a, str>> for $open<'a> {
            fn from(name: Cow<'a, str>) -> $open<'a> {
                $open(name)
            }
        }
    )*};
}

from_text!(SpanKind, Channel);
