//! What is shown and recorded in the place of a value that is not here.

use super::{Elsewhere, Map, Value};

impl Elsewhere<'_> {
    /// What is shown of it, and recorded in its place.
    pub(super) fn to_value(&self) -> Value<'static> {
        let mut what = Map::new();
        match self.form {
            Some(form) => what.insert("form", form),
            None => what.insert("tag", self.tag),
        };
        if self.stands_for != 1 {
            what.insert("stands_for", self.stands_for);
        }
        what.insert("size", self.size);
        what.insert("place", Value::bytes(self.place.to_vec()));
        Value::Map(Map::from([(MEMBER, what)]))
    }
}

/// The only member of the map that stands for such a value.
const MEMBER: &str = "$not_here";
