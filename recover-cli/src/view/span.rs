//! One span, whole.

use trace_journal::Value;
use trace_journal::snapshot::SpanSnapshot;

use super::details::{level, text_line};
use super::style::{QUIET, STRONG, state};
use crate::error::Result;
use crate::escape::one_line;
use crate::format::{amount, cost, duration};
use crate::headline::label;
use crate::output::Output;

/// Prints everything that is known of the span.
pub(crate) fn print(span: &SpanSnapshot<'_>, output: &mut Output) -> Result<()> {
    let (style, word) = state(span);
    let name = output.styled(STRONG, &label(span));
    let word = output.styled(style, word);
    output.line(format!("{name}  {word}").trim_end())?;
    let clock = output.clock();
    let mut facts = vec![
        ("id", span.id().to_owned()),
        ("kind", span.kind().as_str().to_owned()),
        ("start", clock.full(span.started_at())),
    ];
    facts.extend(span.parent().map(|parent| ("in", parent.to_owned())));
    facts.extend(span.ended_at().map(|end| ("end", clock.full(end))));
    facts.extend(
        span.duration()
            .map(|lasted| lasted.as_nanos())
            .map(|lasted| ("took", duration(lasted))),
    );
    if let Some(tokens) = span.tokens() {
        let parts = [
            (tokens.input, "in"),
            (tokens.output, "out"),
            (tokens.reasoning, "reasoning"),
            (tokens.cache_read, "cache read"),
            (tokens.cache_write, "cache write"),
        ];
        let parts = parts.map(|(number, name)| format!("{} {name}", amount(number)));
        facts.push(("tokens", parts.join(", ")));
    }
    facts.extend(span.cost().map(|sum| ("cost", cost(sum))));
    facts.extend(span.call_id().map(|id| ("call", id.to_owned())));
    facts.extend(
        span.finish_reason()
            .map(|reason| ("reason", reason.to_owned())),
    );
    for (name, fact) in facts {
        super::session::whole_fact(name, &fact, output)?;
    }
    print_whole(span, "", output)
}

/// Prints what the span was given, said and gave back, below a line of its own.
pub(crate) fn print_whole(span: &SpanSnapshot<'_>, below: &str, output: &mut Output) -> Result<()> {
    let mut whole = Whole { below, output };
    if let Some(words) = span.status_message() {
        whole.text("says", words)?;
    }
    if let Some(input) = span.input() {
        whole.value("input", input)?;
    }
    for (channel, text) in span.texts() {
        whole.text(channel, text)?;
    }
    if let Some(result) = span.output() {
        whole.value("result", result)?;
    }
    for (name, value) in span.attributes().iter() {
        whole.value(name, value)?;
    }
    for log in span.logs() {
        let at = whole.output.clock().time(log.at);
        whole.value(&format!("{at} {}", level(log.level)), &log.message)?;
    }
    for link in span.links() {
        let to = [&link.to_session, &link.to_span, &link.to_trace_id];
        let to: Vec<&str> = to.into_iter().flatten().map(AsRef::as_ref).collect();
        whole.text("link", &to.join(" "))?;
    }
    Ok(())
}

struct Whole<'a> {
    below: &'a str,
    output: &'a mut Output,
}

impl Whole<'_> {
    fn value(&mut self, name: &str, value: &Value<'_>) -> Result<()> {
        match value.as_str() {
            Some(text) => self.text(name, text),
            None => {
                let json = serde_json::to_string_pretty(value).unwrap_or_default();
                self.text(name, &json)
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) -> Result<()> {
        let name = one_line(name);
        let start = self.output.styled(QUIET, &format!("{name}:"));
        let below = self.below;
        let mut lines = text.trim_end().lines();
        let first = match (lines.next(), lines.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        if let Some(only) = first {
            let line = format!("{below}  {name}: {}", text_line(only));
            return self.output.folded(&line, crate::width::columns(below) + 4);
        }
        self.output.line(&format!("{below}  {start}"))?;
        for line in text.trim_end().lines() {
            let line = format!("{below}    {}", text_line(line));
            self.output
                .folded(&line, crate::width::columns(below) + 4)?;
        }
        Ok(())
    }
}
