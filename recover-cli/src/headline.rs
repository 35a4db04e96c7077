//! What a span is called in a line, and what tells most of it.

use trace_journal::snapshot::{Snapshot, SpanSnapshot};
use trace_journal::{Channel, SpanKind, Value};

use crate::escape::one_line;

/// What the span is called: the model of a generation, the name of a tool.
pub(crate) fn label(span: &SpanSnapshot<'_>) -> String {
    if *span.kind() == SpanKind::USER_MESSAGE {
        return "user".to_owned();
    }
    let model = span.model().and_then(|model| model.model_id.as_deref());
    let model = model.filter(|_| *span.kind() == SpanKind::GENERATION);
    let name = match model {
        Some(model) => short_model(model),
        None if span.name().is_empty() => span.kind().as_str(),
        None => span.name(),
    };
    one_line(&on_one_line(name)).into_owned()
}

/// A model's name without where it comes from.
pub(crate) fn short_model(model: &str) -> &str {
    let last = model.rsplit('/').next().unwrap_or(model);
    last.strip_prefix("claude-").unwrap_or(last)
}

/// The argument, or the words, that tell most; paths are seen from the session's directory.
pub(crate) fn headline(span: &SpanSnapshot<'_>, cwd: Option<&str>) -> String {
    let text = match is_spoken(span) {
        true => spoken(span).or_else(|| argument(span, cwd)),
        false => argument(span, cwd),
    };
    one_line(&on_one_line(&text.unwrap_or_default())).into_owned()
}

/// Spans that speak: what they say tells more than what they were given.
fn is_spoken(span: &SpanSnapshot<'_>) -> bool {
    [SpanKind::GENERATION, SpanKind::TEXT, SpanKind::USER_MESSAGE].contains(span.kind())
}

/// The words of a span.
pub(crate) fn spoken(span: &SpanSnapshot<'_>) -> Option<String> {
    let is_said = |text: &&str| !text.trim().is_empty();
    let channels = [Channel::OUTPUT, Channel::INPUT];
    let mut texts = channels
        .iter()
        .filter_map(|channel| span.text(channel.as_str()));
    let output = || span.output().and_then(Value::as_str);
    let reasoning = || span.text(Channel::REASONING.as_str());
    let said = texts.find(is_said).or_else(output).or_else(reasoning);
    said.filter(is_said).map(str::to_owned)
}

fn argument(span: &SpanSnapshot<'_>, cwd: Option<&str>) -> Option<String> {
    argument_of(span.input()?, cwd)
}

/// The file that a tool was given.
pub(crate) fn path_of(span: &SpanSnapshot<'_>, cwd: Option<&str>) -> Option<String> {
    let map = span.input()?.as_map()?;
    let mut paths = PATHS.iter().filter_map(|name| map.get(name)?.as_str());
    let path = paths.find(|path| !path.is_empty())?;
    Some(cwd.map_or(path, |cwd| relative(path, cwd)).to_owned())
}

/// The part of an input that tells most.
pub(crate) fn argument_of(input: &Value<'_>, cwd: Option<&str>) -> Option<String> {
    if let Some(text) = input.as_str() {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let Some(map) = input.as_map() else {
        return (!input.is_null()).then(|| json(input));
    };
    let named = ARGUMENTS
        .iter()
        .find_map(|name| Some((*name, map.get(name)?.as_str()?)));
    if let Some((name, text)) = named {
        let is_path = PATHS.contains(&name);
        return Some(match cwd.filter(|_| is_path) {
            Some(cwd) => relative(text, cwd).to_owned(),
            None => text.to_owned(),
        });
    }
    let mut texts = map.iter().filter_map(|(_, value)| value.as_str());
    match (texts.next(), texts.next()) {
        (Some(only), None) => Some(only.to_owned()),
        _ if map.is_empty() => None,
        _ => Some(json(input)),
    }
}

/// The arguments that tell most, in this order.
const ARGUMENTS: [&str; 8] = [
    "command",
    "cmd",
    "pattern",
    "query",
    "path",
    "file_path",
    "url",
    "prompt",
];
const PATHS: [&str; 2] = ["path", "file_path"];

/// A path as it is seen from a directory above it.
fn relative<'p>(path: &'p str, cwd: &str) -> &'p str {
    let below = path.strip_prefix(cwd.trim_end_matches('/'));
    let below = below.and_then(|below| below.strip_prefix('/'));
    below.filter(|below| !below.is_empty()).unwrap_or(path)
}

fn json(value: &Value<'_>) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Line breaks and what surrounds them as one space; of more than a terminal shows, the start.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut end = text.len().min(LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let words = text[..end].split(['\n', '\r', '\t']).map(str::trim);
    let words: Vec<&str> = words.filter(|words| !words.is_empty()).collect();
    let mut line = words.join(" ");
    if end < text.len() {
        line.push('…');
    }
    line
}

/// Bytes of a headline.
const LEN_MAX: usize = 4_000;

/// Where the session works, as its metadata say.
pub(crate) fn cwd(snapshot: &Snapshot) -> Option<&str> {
    metadata(snapshot, &["cwd", "working_directory", "directory"])
}

/// The first of these names that the metadata have.
pub(crate) fn metadata<'s>(snapshot: &'s Snapshot, names: &[&str]) -> Option<&'s str> {
    let texts = names
        .iter()
        .map(|name| snapshot.metadata().get(name)?.as_str());
    texts.flatten().find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_directory() {
        assert_eq!(relative("/a/b/c", "/a/b"), "c");
        assert_eq!(relative("/a/b/c", "/a/b/"), "c");
        assert_eq!(relative("/a/bc", "/a/b"), "/a/bc");
        assert_eq!(relative("/a/b/", "/a/b"), "/a/b/");
    }

    #[test]
    fn a_headline_is_one_line() {
        assert_eq!(
            on_one_line("cd x\n  make\r\n\n\tall  of it"),
            "cd x make all  of it"
        );
        assert!(on_one_line(&"ü".repeat(100_000)).len() < 5_000);
    }
}
