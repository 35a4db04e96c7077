//! Long texts, made short.

use std::borrow::Cow;

use crate::event::{Map, Value};

/// Output of a tool, in characters.
pub(super) const TOOL_OUTPUT_MAX: usize = 10_000;
/// Input of a user message.
pub(super) const USER_INPUT_MAX: usize = 4_000;
/// A tool's result in the input of the generation after it.
pub(super) const RESULT_MAX: usize = 500;
/// A tool's error in the input of the generation after it.
pub(super) const ERROR_MAX: usize = 200;

/// The first `max` characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// A value whose text has `max` characters at most.
///
/// What is no text is measured by its JSON, and becomes the beginning of that if it is too long;
/// but an object with nothing but an `error` keeps its form.
pub(super) fn cut_value<'s>(value: &'s Value<'s>, max: usize) -> Cow<'s, Value<'s>> {
    if let Some(text) = value.as_str() {
        let short = cut(text, max);
        return match short.len() == text.len() {
            true => Cow::Borrowed(value),
            false => Cow::Owned(owned_text(short)),
        };
    }
    if let Some(error) = only_error(value) {
        let short = cut(error, max);
        return match short.len() == error.len() {
            true => Cow::Borrowed(value),
            false => Cow::Owned(Value::Map(Map::from([("error", owned_text(short))]))),
        };
    }
    let json = compact(value);
    let short = cut(&json, max);
    match short.len() == json.len() {
        true => Cow::Borrowed(value),
        false => Cow::Owned(owned_text(short)),
    }
}

/// The text of a value: itself, or its JSON.
pub(super) fn text_of<'s>(value: &'s Value<'_>) -> Cow<'s, str> {
    match value.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(compact(value)),
    }
}

/// A value's JSON without spaces.
pub(super) fn compact(value: &Value<'_>) -> String {
    serde_json::to_string(value).expect("a value has string keys and writing to memory works")
}

fn only_error<'s>(value: &'s Value<'_>) -> Option<&'s str> {
    let map = value.as_map().filter(|map| map.len() == 1)?;
    map.get("error")?.as_str()
}

fn owned_text(text: &str) -> Value<'static> {
    Value::String(Cow::Owned(text.to_owned()))
}
