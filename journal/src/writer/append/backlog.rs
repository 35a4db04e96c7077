//! The limit that bytes written and not yet durable are held to.

/// How many bytes may wait for a sync.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BacklogLimit {
    bytes_max: u64,
}

impl BacklogLimit {
    pub(crate) fn new(bytes_max: u64) -> BacklogLimit {
        BacklogLimit { bytes_max }
    }

    /// Whether a frame of this length may be added to so many bytes that wait for a sync: one may
    /// always, however long.
    #[inline]
    pub(crate) fn has_room(self, backlog_bytes: u64, frame_len: u64) -> bool {
        backlog_bytes == 0 || backlog_bytes.saturating_add(frame_len) <= self.bytes_max
    }
}
