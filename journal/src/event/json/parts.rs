//! Parts of events from JSON text, for callers that have only that.

use super::fields;
use super::members::{Members, invalid};
use super::value::parse_object;
use crate::error::Result;
use crate::event::{Map, SessionStart, SpanFields, Value};

impl Value<'_> {
    /// The value of a JSON text; `{"$bytes": "<base64>"}` is bytes.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent) where it is none.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Value<'static>> {
        let json = text(json.as_ref())?;
        // Whole by itself, so that what is put around it stays around it.
        let is_whole: serde_json::Result<serde::de::IgnoredAny> = serde_json::from_str(json);
        is_whole.map_err(|error| invalid(error.to_string()))?;
        let object = format!("{{\"\":{json}}}");
        let object = parse_object(&object).map_err(invalid)?;
        let value = object.members.get("").cloned().unwrap_or_default();
        Ok(value.into_owned())
    }
}

impl<'a> Map<'a> {
    /// The members of a JSON object.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent) where it is none.
    pub fn from_json(json: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Map<'a>> {
        let object = parse_object(text(json.as_ref())?);
        Ok(object.map_err(invalid)?.members)
    }
}

impl<'a> SpanFields<'a> {
    /// The fields that a JSON object names, as the JSON form of a span has them.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent), saying which member is wrong or
    /// unknown.
    pub fn from_json(json: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<SpanFields<'a>> {
        let mut members = Members::new(Map::from_json(json)?, "");
        let made = fields::span_fields(&mut members);
        check(members)?;
        Ok(made)
    }
}

impl<'a> SessionStart<'a> {
    /// The start that a JSON object describes, as the JSON form of one has it.
    ///
    /// # Errors
    /// [`Error::InvalidEvent`](crate::Error::InvalidEvent), saying which member is wrong or
    /// unknown.
    pub fn from_json(json: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<SessionStart<'a>> {
        let mut members = Members::new(Map::from_json(json)?, "");
        let made = fields::session_start(&mut members);
        check(members)?;
        Ok(made)
    }
}

/// All members have found a place, be it that they were converted.
fn check(members: Members<'_>) -> Result<()> {
    let left = members.finish();
    let Some((name, _)) = left.rest.iter().next() else {
        return Ok(());
    };
    let why = left.warnings.into_iter().last();
    Err(invalid(why.unwrap_or_else(|| {
        format!("member \"{name}\" has no place here")
    })))
}

fn text(json: &[u8]) -> Result<&str> {
    simdutf8::compat::from_utf8(json)
        .map_err(|error| invalid(format!("not UTF-8 at byte {}", error.valid_up_to() + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_whole_or_not_at_all() {
        assert_eq!(
            Value::from_json("[1, \"a\"]").unwrap(),
            Value::from(vec![Value::from(1), Value::from("a")])
        );
        assert_eq!(Value::from_json("null").unwrap(), Value::Null);
        for text in ["", "1,\"\":2", "1}", "{", "[1", "1 2"] {
            assert_eq!(Value::from_json(text).unwrap_err().code(), "invalid-event");
        }
        let deep = "[".repeat(200_000);
        assert!(Value::from_json(&deep).is_err());
        // What is too deep is kept as text.
        assert!(Value::from_json(deep + &"]".repeat(200_000)).is_ok());
    }

    #[test]
    fn parts_say_which_member_is_wrong() {
        let json = r#"{"input": {"a": 1}, "model": "m", "cost": 0.5}"#;
        let fields = SpanFields::from_json(json).unwrap();
        assert_eq!(fields.model.unwrap().model_id.as_deref(), Some("m"));
        let error = SpanFields::from_json(r#"{"colour": 1}"#).unwrap_err();
        assert_eq!(error.to_string(), "member \"colour\" has no place here");
        let start = SessionStart::from_json(r#"{"name": "n", "metadata": {"k": 1}}"#).unwrap();
        assert_eq!(
            (start.name.as_deref(), start.metadata.len()),
            (Some("n"), 1)
        );
        let start = SessionStart::from_json("{\"name\": 1}").unwrap();
        assert_eq!(start.name.as_deref(), Some("1"));
        assert!(SpanFields::from_json("{\"cost\": \"much\"}").is_err());
        assert!(Map::from_json(b"\xff").is_err());
    }
}
