//! How a run stands that is being written.

use std::sync::Arc;

use super::run::RunWriter;
use crate::error::Error;
use crate::seq::{RunId, SegmentNumber, Seq};

/// What [`RunWriter::status`] tells about a run being written.
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
    pub(crate) fn status(&self) -> RunStatus {
        let signals = self.signals();
        let segments = self.syncer().segments();
        let is_own_process = self.constants().check_process().is_ok();
        RunStatus {
            run: self.run(),
            written: Seq::new(segments.written()),
            durable: self.syncer().durable_here(),
            backlog_bytes: segments.backlog_bytes(signals.watermark()),
            segment: segments.active().number(),
            is_stuck: is_own_process && self.syncer().is_stalled(),
            is_mapped: segments.active().is_mapped(),
            poison: signals.poison().cloned(),
            is_closed: signals.closed().is_some(),
        }
    }
}
