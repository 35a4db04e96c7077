//! Open and closed sets of names used by events.

use std::borrow::Cow;

/// What kind of work a span is: an open set of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind<'a>(pub Cow<'a, str>);

impl Kind<'static> {
    /// A whole session; the kind of a root span.
    pub const SESSION: Kind<'static> = Kind(Cow::Borrowed("session"));
    /// One call of a model.
    pub const GENERATION: Kind<'static> = Kind(Cow::Borrowed("generation"));
    /// One call of a tool.
    pub const TOOL: Kind<'static> = Kind(Cow::Borrowed("tool"));
    /// A piece of text.
    pub const TEXT: Kind<'static> = Kind(Cow::Borrowed("text"));
    /// Any other work.
    pub const SPAN: Kind<'static> = Kind(Cow::Borrowed("span"));
    /// What the user wrote.
    pub const USER_MESSAGE: Kind<'static> = Kind(Cow::Borrowed("user-message"));
}

impl<'a> Kind<'a> {
    /// The kind of this name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>) -> Kind<'a> {
        Kind(name.into())
    }

    /// The kind's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same kind, borrowing nothing; those that have a name here take no memory.
    pub(crate) fn into_owned(self) -> Kind<'static> {
        let named = KINDS.iter().find(|kind| kind.0 == self.0);
        named.map_or_else(|| Kind(Cow::Owned(self.0.into_owned())), Kind::clone)
    }
}

const KINDS: [Kind<'static>; 6] = [
    Kind::GENERATION,
    Kind::TOOL,
    Kind::SPAN,
    Kind::TEXT,
    Kind::SESSION,
    Kind::USER_MESSAGE,
];

/// Which of a span's texts a piece continues: an open set of names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel<'a>(pub Cow<'a, str>);

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
pub enum Status {
    /// It was not said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// With an error.
    Error,
}

impl Status {
    /// The status's name in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unset => "unset",
            Status::Ok => "ok",
            Status::Error => "error",
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
pub struct Level(pub u8);

#[expect(
    non_upper_case_globals,
    reason = "spelled like the variants of an enum for callers"
)]
impl Level {
    /// Severity number 1.
    pub const Trace: Level = Level(1);
    /// Severity number 5.
    pub const Debug: Level = Level(5);
    /// Severity number 9.
    pub const Info: Level = Level(9);
    /// Severity number 13.
    pub const Warn: Level = Level(13);
    /// Severity number 17.
    pub const Error: Level = Level(17);
    /// Severity number 21.
    pub const Fatal: Level = Level(21);

    /// The level's name, if its number has one of its own.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let named = LEVEL_NAMES.iter().find(|(_, level)| *level == self);
        named.map(|(name, _)| *name)
    }

    /// The level of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Level> {
        let mut names = LEVEL_NAMES.iter().chain(&[("warning", Level::Warn)]);
        let named = names.find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, level)| *level)
    }
}

const LEVEL_NAMES: [(&str, Level); 6] = [
    ("trace", Level::Trace),
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
    ("fatal", Level::Fatal),
];

/// The OpenTelemetry span kind, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtlpKind(pub u8);
