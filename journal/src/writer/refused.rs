//! Records that were refused, counted until the journal can say so in a record.

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
}
