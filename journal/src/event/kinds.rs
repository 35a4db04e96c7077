//! Open and closed sets of names used by events.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::words::{ParseError, shown_words};

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

shown_words!(SpanStatus: "span status", {
    Unset => "unset",
    Ok => "ok",
    Error => "error",
});

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

shown_words!(SessionStatus: "session status", {
    Running => "running",
    Completed => "completed",
    Error => "error",
    Crashed => "crashed",
});

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
}

impl fmt::Display for Level {
    /// Its name, else its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

impl Serialize for Level {
    /// Its name, else its number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_u8(self.0),
        }
    }
}

impl FromStr for Level {
    type Err = ParseError;

    /// A name, in any case, or a number.
    fn from_str(text: &str) -> Result<Level, ParseError> {
        let mut names = LEVEL_NAMES.iter().chain(&[("warning", Level::WARN)]);
        let named = names.find(|(known, _)| known.eq_ignore_ascii_case(text));
        let level = named.map(|(_, level)| *level);
        let level = level.or_else(|| text.parse().ok().map(Level));
        level.ok_or_else(|| ParseError::new("level", text, LEVELS_EXPECTED))
    }
}

const LEVELS_EXPECTED: &str = "trace, debug, info, warn, error, fatal or a number";

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
        impl fmt::Display for $open<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $open<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl FromStr for $open<'static> {
            type Err = Infallible;

            /// Any name is one.
            fn from_str(name: &str) -> Result<$open<'static>, Infallible> {
                Ok($open(Cow::Owned(name.to_owned())))
            }
        }

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
