//! What a sync has to look at, kept apart from the log: who holds that may have to wait for pages,
//! or for the next segment to be made, and no sync is to wait for it.

use std::sync::Arc;

use super::pwrite_range::PwriteRange;
use crate::writer::segment::active::ActiveSegment;
use crate::writer::segment::tail::Tail;

/// Segments that are not known to be durable as a whole.
///
/// The log changes this in one step at a rotation, before any appender sees the next segment, so
/// whoever looks here later than a record was appended finds the segment that has it.
#[derive(Debug)]
pub(crate) struct SyncQueue {
    active: Arc<ActiveSegment>,
    /// The last frames in it that came by positioned writes.
    positioned: PwriteRange,
    finished: Vec<SealedSegment>,
}

/// A segment left behind: closed, but perhaps not yet durable.
#[derive(Clone, Debug)]
pub(crate) struct SealedSegment {
    pub(crate) segment: Arc<ActiveSegment>,
    pub(crate) positioned: PwriteRange,
    pub(crate) is_sealed: bool,
}

impl SyncQueue {
    /// A run that begins with this segment, in which nothing is yet.
    pub(crate) fn new(first: Arc<ActiveSegment>) -> SyncQueue {
        SyncQueue {
            active: first,
            positioned: PwriteRange::none(),
            finished: Vec::new(),
        }
    }

    /// The segment that is appended to, and its last frames that came by positioned writes.
    pub(crate) fn active(&self) -> (Arc<ActiveSegment>, PwriteRange) {
        (Arc::clone(&self.active), self.positioned)
    }

    /// The segments left behind since the last call, in order.
    pub(crate) fn take_finished(&mut self) -> Vec<SealedSegment> {
        std::mem::take(&mut self.finished)
    }

    /// Takes in frames that came by positioned writes.
    pub(crate) fn add_positioned(&mut self, from: Tail, to: Tail) {
        self.positioned.add(from, to);
    }

    /// Leaves a segment behind and goes on in the next one.
    pub(crate) fn go_on(
        &mut self,
        left: Arc<ActiveSegment>,
        is_sealed: bool,
        next: Arc<ActiveSegment>,
    ) {
        self.active = next;
        self.finished.push(SealedSegment {
            segment: left,
            positioned: std::mem::replace(&mut self.positioned, PwriteRange::none()),
            is_sealed,
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use crate::settings::{WriteMode, WriterSettings};
    use crate::writer::tests::{KIND, open, stepped};

    #[test]
    fn no_sync_waits_for_who_holds_the_lane() {
        for write_mode in [WriteMode::Mapped, WriteMode::Positioned] {
            let dir = tempfile::tempdir().unwrap();
            let settings = WriterSettings {
                write_mode,
                ..stepped()
            };
            let core = open(dir.path(), settings);
            let seq = core.append(KIND, 0, b"record").unwrap();
            let log = core.lock_log();
            let (tell, told) = channel();
            let other = Arc::clone(&core);
            std::thread::spawn(move || tell.send(other.wait_durable(seq, None)));
            let durable = told.recv_timeout(PATIENCE);
            durable.expect("the sync ends").unwrap();
            drop(log);
            core.close(None).unwrap();
        }
    }

    /// A sync takes milliseconds, unless it never ends.
    const PATIENCE: Duration = Duration::from_secs(10);
}
