//! Records that were refused, counted until the journal can say so in a record.

use crate::format::padded;

/// How many records were refused since the last note of it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    count: u64,
    bytes: u64,
    code: &'static str,
}

impl Tally {
    /// Counts one refused record.
    pub(super) fn add(&mut self, bytes: u64, code: &'static str) {
        if self.count == 0 {
            self.code = code;
        }
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Count, payload bytes and the code of the first error; `None` if there is nothing to say.
    pub(super) fn pending(&self) -> Option<(u64, u64, &'static str)> {
        (self.count > 0).then_some((self.count, self.bytes, self.code))
    }

    pub(super) fn clear(&mut self) {
        *self = Tally::default();
    }

    /// Bytes the note takes at most; 0 if there is nothing to say.
    pub(super) fn frame_len_max(&self) -> u64 {
        let code_len = u64::try_from(self.code.len()).unwrap_or(0);
        if self.count == 0 {
            0
        } else {
            padded(24 + code_len)
        }
    }
}
