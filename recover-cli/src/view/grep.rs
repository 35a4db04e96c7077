//! Where a pattern is found in a session, and how that is shown.

use std::borrow::Cow;
use std::sync::Arc;

use regex::Regex;
use trace_journal::snapshot::SpanSnapshot;
use trace_journal::{SessionSummary, Snapshot, Timestamp, Value};

use super::details::text_line;
use super::list::title;
use super::style::{BAD, STRONG, of_word};
use crate::args::SearchPlace;
use crate::error::Result;
use crate::escape::one_line;
use crate::headline::label;
use crate::output::Output;
use crate::select::Word;
use crate::width::{columns, cut, cut_start};

/// A line that matches.
pub(crate) struct Hit<'s> {
    pub(crate) span: &'s str,
    pub(crate) kind: &'s str,
    pub(crate) name: &'s str,
    label: String,
    pub(crate) at: Timestamp,
    /// `input`, `output`, a channel, `log`, `name` or `meta`.
    pub(crate) place: Cow<'s, str>,
    /// Its number in the text, from 1.
    pub(crate) line: usize,
    all: Arc<[String]>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Hit<'_> {
    /// The line.
    pub(crate) fn text(&self) -> &str {
        self.all.get(self.line - 1).map_or("", String::as_str)
    }
}

/// All lines of the session that match, in the order of its spans.
pub(crate) fn hits<'s>(
    snapshot: &'s Snapshot,
    pattern: &Regex,
    places: &[SearchPlace],
) -> Vec<Hit<'s>> {
    let mut found = Vec::new();
    let is_in = |place| places.is_empty() || places.contains(&place);
    for (_, span) in snapshot.tree() {
        let mut search = |place: Cow<'s, str>, text: &str| {
            search_text(span, (place, text), pattern, &mut found);
        };
        if is_in(SearchPlace::Name) {
            search("name".into(), span.name());
        }
        if let Some(input) = span.input().filter(|_| is_in(SearchPlace::Input)) {
            search("input".into(), &readable(input));
        }
        if is_in(SearchPlace::Text) {
            span.texts()
                .for_each(|(channel, text)| search(channel.into(), text));
        }
        if let Some(result) = span.output().filter(|_| is_in(SearchPlace::Output)) {
            search("output".into(), &readable(result));
        }
        if let Some(words) = span.status_message().filter(|_| is_in(SearchPlace::Output)) {
            search("status".into(), words);
        }
        if is_in(SearchPlace::Log) {
            span.logs()
                .iter()
                .for_each(|log| search("log".into(), &readable(&log.message)));
        }
    }
    if is_in(SearchPlace::Meta) {
        for (name, value) in snapshot.metadata().iter() {
            let place = Cow::from(format!("meta {name}"));
            search_text(
                snapshot.root(),
                (place, &readable(value)),
                pattern,
                &mut found,
            );
        }
    }
    found
}

fn search_text<'s>(
    span: &'s SpanSnapshot<'_>,
    (place, text): (Cow<'s, str>, &str),
    pattern: &Regex,
    found: &mut Vec<Hit<'s>>,
) {
    if !pattern.is_match(text) {
        return;
    }
    let all: Arc<[String]> = text.lines().map(str::to_owned).collect();
    for (at, line) in all.iter().enumerate() {
        if let Some(hit) = pattern.find(line) {
            found.push(Hit {
                span: span.id(),
                kind: span.kind().as_str(),
                name: span.name(),
                label: label(span),
                at: span.started_at(),
                place: place.clone(),
                line: at + 1,
                all: Arc::clone(&all),
                start: hit.start(),
                end: hit.end(),
            });
        }
    }
}

/// Text as it is, anything else as JSON, a member a line.
fn readable(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

/// The line above the hits of a session.
pub(crate) fn print_session(session: &SessionSummary, id: &str, output: &mut Output) -> Result<()> {
    let word = Word::of_summary(session);
    let age = output.clock().age(session.last_at);
    let status = output.styled(of_word(word), word.as_str());
    output.line(&format!(
        "{id}  {status} {age}  {}",
        one_line(title(session))
    ))
}

/// A hit, with lines around it.
pub(crate) fn print_hit(hit: &Hit<'_>, context: usize, output: &mut Output) -> Result<()> {
    let at = output.clock().time(hit.at);
    let place = format!(
        "  {at}  {} {}:{}  ",
        hit.label,
        one_line(&hit.place),
        hit.line
    );
    let place = cut(&place, output.width() / 2);
    let room = output.width().saturating_sub(columns(&place));
    let first = hit.line.saturating_sub(context + 1);
    let around = |lines: &[String], output: &mut Output| -> Result<()> {
        lines.iter().try_for_each(|line| {
            let line = cut(&text_line(line), room);
            output.line(&format!("{}{line}", " ".repeat(columns(&place))))
        })
    };
    around(&hit.all[first..hit.line - 1], output)?;
    let (before, found, after) = parts(hit);
    let (before, found, after) = shorten(&before, &found, &after, room);
    let found = output.styled(BAD, &found);
    let name = output.styled(STRONG, &place);
    output.line(&format!("{name}{before}{found}{after}"))?;
    let last = hit.all.len().min(hit.line + context);
    around(&hit.all[hit.line..last], output)
}

fn parts(hit: &Hit<'_>) -> (String, String, String) {
    let text = hit.text();
    let part = |range| text_line(text.get(range).unwrap_or_default());
    let before = part(0..hit.start).trim_start().to_owned();
    (before, part(hit.start..hit.end), part(hit.end..text.len()))
}

/// What matched, with as much of what surrounds it as has room.
fn shorten(before: &str, found: &str, after: &str, room: usize) -> (String, String, String) {
    let found = cut(found, room);
    let left = room.saturating_sub(columns(&found));
    // A third before, but all that is left over behind.
    let before_max = (left / 3).max(left.saturating_sub(columns(after)));
    let before = cut_start(before, before_max);
    let after = cut(after, left.saturating_sub(columns(&before)));
    (before, found, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matched_is_seen_however_narrow_it_is() {
        let shown = |room| {
            let (before, found, after) = shorten("0123456789", "FOUND", "abcdefghij", room);
            format!("{before}{found}{after}")
        };
        assert_eq!(shown(25), "0123456789FOUNDabcdefghij");
        assert_eq!(shown(14), "…89FOUNDabcde…");
        assert_eq!(shown(4), "FOU…");
    }
}
