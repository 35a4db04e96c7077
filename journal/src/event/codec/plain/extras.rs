//! Optional fields by serde.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::super::field::Extras;

impl<'de: 'a, 'a> Deserialize<'de> for Extras<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ExtrasVisitor)
    }
}

struct ExtrasVisitor;

impl<'de> Visitor<'de> for ExtrasVisitor {
    type Value = Extras<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of a tag and bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Extras<'de>, A::Error> {
        let mut extras = Vec::new();
        while let Some((tag, bytes)) = pairs.next_element::<(u16, &'de serde_bytes::Bytes)>()? {
            if tag == 0 {
                return Err(A::Error::custom("tag 0 is none"));
            }
            extras.push((tag, Cow::Borrowed(bytes.as_ref())));
        }
        Ok(Extras(extras))
    }
}
