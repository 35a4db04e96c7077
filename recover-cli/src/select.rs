//! Which sessions and records are meant: the flags that several verbs share.

use clap::Args;
use regex::{Regex, RegexBuilder};
use trace_journal::snapshot::CrashCause;
use trace_journal::{Liveness, SessionStatus, SessionSummary, Snapshot, Timestamp, Value};

use crate::error::{CliError, Result};
use crate::time::Clock;

/// What can be typed to choose sessions and records.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// This session; may be repeated
    #[arg(long = "session", value_name = "ID", allow_hyphen_values = true)]
    pub(crate) sessions: Vec<String>,
    /// With one of these: running, completed, error, crashed, unended
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,
    /// At this time or later: 2026-02-12, '2026-02-12 17:16', 2h, 7d, yesterday, @1770916598
    #[arg(short = 'S', long, value_name = "TIME")]
    since: Option<String>,
    /// At this time or earlier
    #[arg(short = 'U', long, value_name = "TIME")]
    until: Option<String>,
    /// With this in their metadata: agent=codex, cwd='*/retry'; may be repeated
    #[arg(long = "where", value_name = "KEY=GLOB")]
    wheres: Vec<String>,
    /// Of this kind: generation, tool, …
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
    /// The N newest only
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true)]
    max: Option<String>,
    /// Without the N newest
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    offset: Option<String>,
    /// In the other order
    #[arg(short, long)]
    reverse: bool,
}

/// A choice that is understood.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    statuses: Vec<Word>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    wheres: Vec<(String, Regex)>,
    grep: Option<Regex>,
    kinds: Vec<String>,
    pub(crate) max: Option<usize>,
    offset: usize,
    is_reverse: bool,
}

/// How a session stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Running,
    Completed,
    Error,
    Crashed,
    /// The journal was closed, the session was not ended; or its process may be alive
    /// elsewhere.
    Unended,
}

const WORDS: [(&str, Word); 5] = [
    ("running", Word::Running),
    ("completed", Word::Completed),
    ("error", Word::Error),
    ("crashed", Word::Crashed),
    ("unended", Word::Unended),
];

impl Word {
    /// Of a session with this status and cause.
    pub(crate) fn of(status: SessionStatus, liveness: Liveness, cause: Option<CrashCause>) -> Word {
        match (status, liveness, cause) {
            (SessionStatus::Running, ..) => Word::Running,
            (SessionStatus::Completed, ..) => Word::Completed,
            (SessionStatus::Error, ..) => Word::Error,
            (_, Liveness::Unknown | Liveness::Unverified, _)
            | (_, _, Some(CrashCause::JournalClosed)) => Word::Unended,
            _ => Word::Crashed,
        }
    }

    pub(crate) fn of_summary(session: &SessionSummary) -> Word {
        Word::of(session.status, session.liveness, session.crash_cause)
    }

    pub(crate) fn of_snapshot(session: &Snapshot) -> Word {
        Word::of(session.status(), session.liveness(), session.crash_cause())
    }

    pub(crate) fn as_str(self) -> &'static str {
        let found = WORDS.into_iter().find(|(_, word)| *word == self);
        found.map_or("", |(name, _)| name)
    }
}

impl SelectionArgs {
    /// What was typed, understood; `grep` is the pattern that a title has to match.
    pub(crate) fn understood(&self, grep: Option<&str>, clock: &Clock) -> Result<Selection> {
        let time = |typed: &Option<String>| {
            let typed = typed.as_deref().map(|typed| clock.typed(typed));
            typed.transpose().map_err(CliError::Usage)
        };
        let number = |typed: &Option<String>, least: usize| match typed {
            Some(typed) => count(typed, least),
            None => Ok(None),
        };
        Ok(Selection {
            statuses: self
                .status
                .iter()
                .map(|name| word(name))
                .collect::<Result<_>>()?,
            since: time(&self.since)?,
            until: time(&self.until)?,
            wheres: self
                .wheres
                .iter()
                .map(|typed| condition(typed))
                .collect::<Result<_>>()?,
            grep: grep.map(|pattern| regex(pattern, false)).transpose()?,
            kinds: self.kind.clone(),
            max: number(&self.max, 1)?,
            offset: number(&self.offset, 0)?.unwrap_or(0),
            is_reverse: self.reverse,
        })
    }
}

impl Selection {
    /// The sessions that are meant of these, which are in order, newest last activity first;
    /// `snapshot` tells what a summary does not.
    pub(crate) fn sessions<'s>(
        &self,
        all: &'s [SessionSummary],
        mut snapshot: impl FnMut(&str) -> Option<Snapshot>,
    ) -> Vec<&'s SessionSummary> {
        let mut chosen: Vec<&SessionSummary> = all
            .iter()
            .filter(|session| self.is_meant(session) && self.tells(session, &mut snapshot))
            .skip(self.offset)
            .take(self.max.unwrap_or(usize::MAX))
            .collect();
        if self.is_reverse {
            chosen.reverse();
        }
        chosen
    }

    fn is_meant(&self, session: &SessionSummary) -> bool {
        let is_word = |word: &Word| *word == Word::of_summary(session);
        (self.statuses.is_empty() || self.statuses.iter().any(is_word))
            && self.since.is_none_or(|since| session.last_at >= since)
            && self.until.is_none_or(|until| session.started_at <= until)
    }

    /// Whether metadata say what was asked for.
    fn tells(
        &self,
        session: &SessionSummary,
        snapshot: &mut impl FnMut(&str) -> Option<Snapshot>,
    ) -> bool {
        let grep = self.grep.as_ref().filter(|grep| {
            let title = session.title.as_deref().unwrap_or_default();
            !grep.is_match(title) && !grep.is_match(&session.id)
        });
        if self.wheres.is_empty() && grep.is_none() {
            return true;
        }
        let Some(snapshot) = snapshot(&session.id) else {
            return false;
        };
        let values = || snapshot.metadata().iter();
        let is_so = |(key, glob): &(String, Regex)| {
            let value = snapshot.metadata().get(key);
            value.is_some_and(|value| glob.is_match(&text(value)))
        };
        let found = |grep: &Regex| values().any(|(_, value)| grep.is_match(&text(value)));
        self.wheres.iter().all(is_so) && grep.is_none_or(found)
    }

    /// Whether a record of this time is meant.
    pub(crate) fn has_time(&self, at: Option<Timestamp>) -> bool {
        self.since
            .is_none_or(|since| at.is_some_and(|at| at >= since))
            && self
                .until
                .is_none_or(|until| at.is_some_and(|at| at <= until))
    }

    /// Whether a span or record of one of these kinds is meant.
    pub(crate) fn has_kind(&self, kinds: &[&str]) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kinds.contains(&&**kind))
    }

    /// The pattern that shown text has to match.
    pub(crate) fn grep(&self) -> Option<&Regex> {
        self.grep.as_ref()
    }
}

/// A value of metadata as it is compared.
fn text(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string(value).unwrap_or_default(),
    }
}

fn word(name: &str) -> Result<Word> {
    let found = WORDS.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, word)| word).ok_or_else(|| {
        let names = WORDS.map(|(known, _)| known).join(", ");
        let name = crate::escape::one_line(name);
        CliError::Usage(format!("{name} is no status: {names}"))
    })
}

/// A number of things, as large as it has to be; what is no number is as if it were left out.
fn count(typed: &str, least: usize) -> Result<Option<usize>> {
    let number: f64 = typed
        .parse()
        .map_err(|_| CliError::Usage(format!("{} is no number", crate::escape::one_line(typed))))?;
    if number.is_nan() {
        return Ok(None);
    }
    let whole = format!("{:.0}", number.trunc().clamp(0.0, 1e15));
    Ok(Some(
        whole.parse::<usize>().unwrap_or(usize::MAX).max(least),
    ))
}

fn condition(typed: &str) -> Result<(String, Regex)> {
    let Some((key, glob)) = typed.split_once('=') else {
        let typed = crate::escape::one_line(typed);
        return Err(CliError::Usage(format!(
            "{typed} is no condition: KEY=GLOB"
        )));
    };
    let mut pattern = String::from("(?s)^");
    for c in glob.chars() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    Ok((key.to_owned(), regex(&pattern, false)?))
}

/// A pattern of linear time.
pub(crate) fn regex(pattern: &str, ignores_case: bool) -> Result<Regex> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .build();
    built.map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim();
        let pattern = crate::escape::one_line(pattern);
        CliError::Usage(format!("{pattern} is no pattern: {reason}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_large_as_they_have_to_be() {
        let max = ["20", "0", "-3", "1.7", "NaN", "1e300"].map(|typed| count(typed, 1).unwrap());
        let most = 1_000_000_000_000_000;
        assert_eq!(max, [Some(20), Some(1), Some(1), Some(1), None, Some(most)]);
        assert_eq!(count("-3", 0).unwrap(), Some(0));
        assert!(count("many", 0).is_err());
    }

    #[test]
    fn globs_are_patterns_of_the_whole_value() {
        let (key, glob) = condition("cwd=*/re?ry").unwrap();
        assert_eq!(key, "cwd");
        assert!(glob.is_match("/home/x/retry"));
        assert!(!glob.is_match("/home/x/retry/src"));
        assert!(condition("agent=a.b").unwrap().1.is_match("a.b"));
        assert!(!condition("agent=a.b").unwrap().1.is_match("axb"));
        assert!(condition("agent").is_err());
        assert!(regex("a(", false).is_err());
    }
}
