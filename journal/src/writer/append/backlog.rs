//! Bytes that are written and not yet durable, and the limit they are held to.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::format::padded;
use crate::settings::OnBacklog;
use crate::writer::run::RunWriter;

impl RunWriter {
    /// Bytes written and not yet durable.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        // Read first what grows last, so that the difference is never taken too small.
        let durable = self.watermark.durable_bytes();
        self.written_bytes().saturating_sub(durable)
    }

    /// Whether a record may be added to so many bytes that wait for a sync.
    pub(crate) fn fits_backlog(&self, bytes: u64, payload: &[u8]) -> bool {
        let len = padded(u64::try_from(payload.len()).unwrap_or(u64::MAX / 2));
        bytes == 0 || bytes.saturating_add(len) <= self.settings.backlog_bytes_max
    }

    /// Waits, as the option says, until the record fits under the backlog limit.
    pub(crate) fn wait_for_backlog(&self, len: u64) -> Result<()> {
        let limit = self.settings.backlog_bytes_max;
        let mut deadline = None;
        loop {
            let bytes = self.backlog_bytes();
            if bytes == 0 || bytes.saturating_add(len) <= limit {
                return Ok(());
            }
            self.check_open()?;
            let over = Error::Backlog { bytes, limit };
            let OnBacklog::Wait(time) = self.settings.on_backlog else {
                return Err(over);
            };
            // A time without end has no deadline.
            let until = *deadline.get_or_insert_with(|| Instant::now().checked_add(time));
            let batch = self.waiters.join();
            // A sync that ended before the batch was joined may have made room.
            if self.backlog_bytes() < bytes {
                continue;
            }
            if self.settings.is_stepped {
                self.step_sync();
                continue;
            }
            self.bell.want_sync();
            if !self.waiters.wait(&batch, until) {
                return Err(over);
            }
        }
    }
}
