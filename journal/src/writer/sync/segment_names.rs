//! Whether what was synced can be found again: each segment of the run under its own name.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::frontier::SegmentEnd;
use crate::error::{Error, Result};
use crate::format::FileName;
use crate::seeded::{self, Bug};
use crate::seq::SegmentNumber;
use crate::storage::FileIdentity;
use crate::writer::run_constants::RunConstants;

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

    /// Whether the segments that are not being synced are to be looked at, too, because
    /// names were made or removed.
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

    /// Looks whether the segments just synced, and all before them if names have changed, are
    /// still in the directory: what has no name there cannot be found again.
    pub(crate) fn check(&mut self, constants: &RunConstants, ends: &[SegmentEnd]) -> Result<()> {
        if seeded::has(Bug::NameNotChecked) {
            return Ok(());
        }
        let storage = constants.storage();
        // Read first: what changes later changes it again.
        let stamp = storage.stamp();
        let stamp = stamp.map_err(|e| Error::io("look at", storage.path(), e))?;
        let is_all_due = self.is_all_due(stamp, !constants.settings().is_stepped);
        for SegmentEnd { segment, .. } in ends {
            let number = segment.number();
            if self.segments.last().is_none_or(|last| last.0 < number) {
                let identity = segment.file().identity();
                let path = || storage.path().join(segment.name());
                let identity = identity.map_err(|e| Error::io("look at", path(), e))?;
                self.segments.push((number, identity));
            }
        }
        let first = match ends.first().map(|end| end.segment.number()) {
            _ if is_all_due => SegmentNumber::FIRST,
            Some(number) => number,
            None => self.segments.last().map_or(SegmentNumber::FIRST, |l| l.0),
        };
        let from = self.segments.partition_point(|(number, _)| *number < first);
        for (number, identity) in self.segments.get(from..).unwrap_or_default() {
            check_name(constants, *number, *identity)?;
        }
        Ok(())
    }
}

fn check_name(
    constants: &RunConstants,
    number: SegmentNumber,
    identity: FileIdentity,
) -> Result<()> {
    let storage = constants.storage();
    let name = FileName::Segment(constants.run(), number).to_string();
    let path = || storage.path().join(&name);
    match storage.identity_of(&name) {
        Ok(found) if found == identity => Ok(()),
        // It may not be looked at any more; that takes nothing away.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io("look at", path(), error))
        }
        _ => Err(match storage.is_linked() {
            Ok(false) => Error::Removed {
                what: "directory",
                path: storage.path().to_owned(),
            },
            _ => Error::Removed {
                what: "segment",
                path: path(),
            },
        }),
    }
}

/// File systems that tell times most roughly count in seconds, two at a time.
const STAMPS_APART: Duration = Duration::from_secs(2);
