//! Waiting until so little waits for a sync that more may be appended.

use std::time::Instant;

use super::syncer::Syncer;
use crate::error::{Error, Result};
use crate::settings::OnBacklog;
use crate::writer::append::backlog::BacklogLimit;

impl Syncer {
    /// Waits, as the option says, until a frame of this length fits under the backlog limit.
    pub(crate) fn wait_for_room(&self, frame_len: u64) -> Result<()> {
        let settings = self.constants().settings();
        let limit = BacklogLimit::new(settings.backlog_bytes_max);
        let backlog_bytes = || self.segments().backlog_bytes(self.signals().watermark());
        let mut deadline = None;
        loop {
            let bytes = backlog_bytes();
            if limit.has_room(bytes, frame_len) {
                return Ok(());
            }
            self.constants().check_process()?;
            self.signals().check_open()?;
            let over = Error::Backlog {
                bytes,
                limit: settings.backlog_bytes_max,
            };
            let OnBacklog::Wait(time) = settings.on_backlog else {
                return Err(over);
            };
            // A time without end has no deadline.
            let until = *deadline.get_or_insert_with(|| Instant::now().checked_add(time));
            let group = self.queue().join();
            // A sync that ended before the group was joined may have made room.
            if backlog_bytes() < bytes {
                continue;
            }
            if settings.is_stepped {
                self.step_sync();
                continue;
            }
            self.signals().syncer().want_sync();
            if !self.queue().wait(&group, until) {
                return Err(over);
            }
        }
    }
}
