//! What describes a session, under the names that viewers know.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::event::{Map, Value};

/// Metadata as a TraceFile has it: known members first and in order, then all others.
pub(super) struct Metadata<'s>(pub(super) &'s Map<'static>);

/// A member and the names it may be recorded under.
const KNOWN: [(&str, &[&str]); 10] = [
    ("title", &["title"]),
    ("model", MODEL_NAMES),
    ("providerId", PROVIDER_NAMES),
    ("agent", &["agent"]),
    ("variant", &["variant"]),
    ("prompt", &["prompt"]),
    ("userId", &["user_id", "userId"]),
    ("environment", &["environment"]),
    ("version", &["version"]),
    ("tags", &["tags"]),
];

const MODEL_NAMES: &[&str] = &["model_id", "modelId", "model"];
const PROVIDER_NAMES: &[&str] = &["provider_id", "providerId"];

/// It has a place in the summary.
const NARRATIVE: &str = "narrative";

impl Metadata<'_> {
    /// Under the first of the names that has something to say.
    fn find(&self, names: &[&str]) -> Option<&Value<'static>> {
        let found = names.iter().filter_map(|name| self.0.get(name));
        found.into_iter().find(|value| !is_silent(value))
    }

    /// As `provider/model`, where the provider is known and not already in front.
    fn model(&self) -> Option<Cow<'_, Value<'static>>> {
        let found = self.find(MODEL_NAMES)?;
        let is_bare_id = self.find(&MODEL_NAMES[..2]).is_some();
        let model = found.as_str().or_else(|| text_in(found, MODEL_NAMES));
        let Some(model) = model else {
            return Some(Cow::Borrowed(found));
        };
        let provider = self.find(PROVIDER_NAMES).and_then(Value::as_str);
        let provider = provider.or_else(|| text_in(found, PROVIDER_NAMES));
        let is_whole = |provider: &str| {
            model
                .strip_prefix(provider)
                .is_some_and(|rest| rest.starts_with('/'))
                || (!is_bare_id && found.as_str().is_some() && model.contains('/'))
        };
        let whole = match provider {
            Some(provider) if !is_whole(provider) => format!("{provider}/{model}"),
            _ => model.to_owned(),
        };
        Some(Cow::Owned(Value::String(Cow::Owned(whole))))
    }

    fn known(&self, name: &str, names: &[&str]) -> Option<Cow<'_, Value<'static>>> {
        match name {
            "model" => self.model(),
            _ => self.find(names).map(Cow::Borrowed),
        }
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(None)?;
        for (name, names) in KNOWN {
            if let Some(value) = self.known(name, names) {
                json.serialize_entry(name, &*value)?;
            }
        }
        let is_known = |name: &str| KNOWN.iter().any(|(_, names)| names.contains(&name));
        for (name, value) in self.0.iter() {
            if !is_known(name) && name != NARRATIVE {
                json.serialize_entry(name, value)?;
            }
        }
        json.end()
    }
}

/// The narrative of a session, if its program gave one.
pub(super) fn narrative<'s>(metadata: &'s Map<'static>) -> Option<&'s Value<'static>> {
    metadata.get(NARRATIVE).filter(|value| !is_silent(value))
}

/// The first of these members of an object that is a text.
fn text_in<'s>(value: &'s Value<'static>, names: &[&str]) -> Option<&'s str> {
    let texts = names.iter().filter_map(|name| value.get(name)?.as_str());
    texts.into_iter().find(|text| !text.is_empty())
}

fn is_silent(value: &Value<'_>) -> bool {
    value.is_null() || value.as_str() == Some("")
}
