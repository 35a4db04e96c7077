//! The lines of a session that a program's output was put into.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::{Serialize, Serializer};

use crate::seeded::{self, Bug};
use crate::time::Timestamp;

/// The lines of a session: how many, and the last few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lines {
    /// How many.
    pub count: u64,
    /// The last ones, in order; of each at most the first 4096 bytes.
    pub last: VecDeque<LineSnapshot>,
}

/// A line, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LineSnapshot {
    /// When it came.
    #[serde(serialize_with = "shown")]
    pub at: Timestamp,
    /// Its bytes, without the newline.
    #[serde(rename = "line", serialize_with = "text")]
    pub bytes: Vec<u8>,
}

impl LineSnapshot {
    /// The line as text; what is no UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl Lines {
    pub(super) fn add(&mut self, at: Timestamp, bytes: &[u8]) {
        self.count = self.count.saturating_add(1);
        if seeded::has(Bug::LinesNotKept) {
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        let bytes = bytes.get(..LEN_MAX).unwrap_or(bytes).to_vec();
        self.last.push_back(LineSnapshot { at, bytes });
    }
}

fn shown<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

const KEPT: usize = 20;
const LEN_MAX: usize = 4096;
