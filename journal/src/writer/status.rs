//! How a run stands that is being written.

use std::sync::Arc;
use std::time::Instant;

use super::run::{RunWriter, lock};
use crate::error::Error;
use crate::seq::{RunId, SegmentNumber, Seq};

/// What [`RunWriter::facts`] tells about a run being written.
#[derive(Clone, Debug)]
pub(crate) struct RunStatus {
    pub(crate) run: RunId,
    pub(crate) written: Option<Seq>,
    pub(crate) durable: Option<Seq>,
    pub(crate) backlog_bytes: u64,
    pub(crate) segment: SegmentNumber,
    pub(crate) is_mapped: bool,
    pub(crate) is_stuck: bool,
    pub(crate) poison: Option<Arc<Error>>,
    pub(crate) is_closed: bool,
}

impl RunWriter {
    /// How the run stands.
    pub(crate) fn facts(&self) -> RunStatus {
        RunStatus {
            run: self.run,
            written: Seq::new(self.written()),
            durable: self.durable_here(),
            backlog_bytes: self.backlog_bytes(),
            segment: self.controls.active().number,
            is_stuck: self.check_process().is_ok() && lock(&self.stuck).is_long(Instant::now()),
            is_mapped: self.controls.active().is_mapped(),
            poison: self.poison.get().cloned(),
            is_closed: self.closed.get().is_some(),
        }
    }
}
