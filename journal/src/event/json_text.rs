//! Values as JSON text, however deep they nest: what of a record is over its limits.

use std::fmt::Write;

use super::{Key, Value};

/// The JSON text of a value, as it would be serialised.
pub(super) fn to_json(value: &Value<'_>) -> String {
    let (mut text, mut open) = (String::new(), Vec::new());
    let mut next = Some(value);
    loop {
        if let Some(value) = next {
            put(&mut text, &mut open, value);
        }
        let Some(innermost) = open.last_mut() else {
            return text;
        };
        next = innermost.next(&mut text);
        if next.is_none() {
            open.pop();
        }
    }
}

/// A list or map of which a part is written, and whether anything of it is.
enum Unclosed<'v, 's> {
    List(std::slice::Iter<'v, Value<'s>>, bool),
    Map(std::slice::Iter<'v, (Key<'s>, Value<'s>)>, bool),
}

impl<'v, 's> Unclosed<'v, 's> {
    /// Writes what comes before the next value and gives that; or the end.
    fn next(&mut self, text: &mut String) -> Option<&'v Value<'s>> {
        let (found, has_begun, end) = match self {
            Unclosed::List(rest, has_begun) => {
                (rest.next().map(|value| (None, value)), has_begun, ']')
            }
            Unclosed::Map(rest, has_begun) => {
                let next = rest.next();
                (
                    next.map(|(name, value)| (Some(name), value)),
                    has_begun,
                    '}',
                )
            }
        };
        let Some((name, value)) = found else {
            text.push(end);
            return None;
        };
        if std::mem::replace(has_begun, true) {
            text.push(',');
        }
        if let Some(name) = name {
            put_string(text, name.as_str());
            text.push(':');
        }
        Some(value)
    }
}

fn put<'v, 's>(text: &mut String, open: &mut Vec<Unclosed<'v, 's>>, value: &'v Value<'s>) {
    // Writing to a string never fails.
    let _ = match value {
        Value::List(values) => {
            text.push('[');
            open.push(Unclosed::List(values.iter(), false));
            Ok(())
        }
        Value::Map(map) => {
            text.push('{');
            open.push(Unclosed::Map(map.0.iter(), false));
            Ok(())
        }
        Value::String(string) => {
            put_string(text, string);
            Ok(())
        }
        Value::Bool(value) => write!(text, "{value}"),
        Value::I64(value) => write!(text, "{value}"),
        Value::U64(value) => write!(text, "{value}"),
        Value::Null => write!(text, "null"),
        Value::F64(_) | Value::Bytes(_) | Value::Elsewhere(_) => {
            let shown = serde_json::to_string(value);
            write!(text, "{}", shown.unwrap_or_default())
        }
    };
}

fn put_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Map;
    use crate::event::arbitrary::Rng;

    #[test]
    fn it_is_the_text_that_serde_json_writes() {
        for seed in 0..2000 {
            let mut rng = Rng::new(seed);
            let value = rng.value(4);
            assert_eq!(
                to_json(&value),
                serde_json::to_string(&value).unwrap(),
                "seed {seed}"
            );
        }
        let every: String = (0..0x300).filter_map(char::from_u32).collect();
        let value = Value::Map(Map::from([(every.clone(), every)]));
        assert_eq!(to_json(&value), serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn it_goes_as_deep_as_the_value() {
        let deep = (0..500_000).fold(Value::Null, |value, _| Value::List(vec![value]));
        assert_eq!(to_json(&deep).len(), 1_000_004);
    }
}
