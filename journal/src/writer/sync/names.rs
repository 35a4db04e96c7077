//! Whether what was synced can be found again: each segment of the run under its own name.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::frontier::SegmentEnd;
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::storage::FileIdentity;
use crate::writer::run::RunWriter;

/// The segments of a run in which there are records, as the directory has to have them.
#[derive(Debug, Default)]
pub(crate) struct SegmentNames {
    segments: Vec<(SegmentNumber, FileIdentity)>,
    /// What stamp the directory had when all of them were looked at, and since when.
    seen: Option<(u64, Instant)>,
    /// They were looked at again when the stamp was old enough to tell every change.
    is_sure: bool,
    wants_all: bool,
}

impl SegmentNames {
    /// Has the next look be at all segments.
    pub(crate) fn want_all(&mut self) {
        self.wants_all = true;
    }

    /// Whether the segments that are not being synced are to be looked at, too, because somebody
    /// has made or removed names.
    fn is_all_due(&mut self, stamp: Option<u64>, may_wait: bool) -> bool {
        let wanted = std::mem::take(&mut self.wants_all);
        let Some(stamp) = stamp else {
            return wanted;
        };
        match self.seen {
            Some((seen, since)) if seen == stamp => {
                let is_old = may_wait && !self.is_sure && since.elapsed() >= STAMPS_APART;
                self.is_sure |= is_old;
                wanted || is_old
            }
            _ => {
                self.seen = Some((stamp, Instant::now()));
                self.is_sure = false;
                true
            }
        }
    }
}

impl RunWriter {
    /// Looks whether the segments just synced, and all before them if names have changed, are
    /// still in the directory: what has no name there cannot be found again.
    pub(crate) fn check_names(&self, names: &mut SegmentNames, ends: &[SegmentEnd]) -> Result<()> {
        if seeded::has(Bug::NameNotChecked) {
            return Ok(());
        }
        // Read first: what changes later changes it again.
        let stamp = self.storage.stamp();
        let stamp = stamp.map_err(|e| Error::io("look at", self.storage.path(), e))?;
        let is_all_due = names.is_all_due(stamp, !self.settings.is_stepped);
        for SegmentEnd { segment, .. } in ends {
            if names.segments.last().is_none_or(|l| l.0 < segment.number) {
                let identity = segment.file.identity().map_err(|e| {
                    Error::io("look at", self.storage.path().join(&segment.name), e)
                })?;
                names.segments.push((segment.number, identity));
            }
        }
        let first = match ends.first().map(|end| end.segment.number) {
            _ if is_all_due => SegmentNumber::FIRST,
            Some(number) => number,
            None => names.segments.last().map_or(SegmentNumber::FIRST, |l| l.0),
        };
        let from = names
            .segments
            .partition_point(|(number, _)| *number < first);
        for (number, identity) in names.segments.get(from..).unwrap_or_default() {
            self.check_name(*number, *identity)?;
        }
        Ok(())
    }

    fn check_name(&self, number: SegmentNumber, identity: FileIdentity) -> Result<()> {
        let name = FileName::Segment(self.run, number).to_string();
        let path = || self.storage.path().join(&name);
        match self.storage.identity_of(&name) {
            Ok(found) if found == identity => Ok(()),
            // Nobody may look any more; that takes nothing away.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::io("look at", path(), error))
            }
            _ => Err(match self.storage.is_linked() {
                Ok(false) => Error::Removed {
                    what: "directory",
                    path: self.storage.path().to_owned(),
                },
                _ => Error::Removed {
                    what: "segment",
                    path: path(),
                },
            }),
        }
    }
}

/// File systems that tell times most roughly count in seconds, two at a time.
const STAMPS_APART: Duration = Duration::from_secs(2);
