//! Where the records of a segment end, as the segment behind it says.

use super::segment_scan::{Part, Trust};
use crate::seq::RunId;
use crate::storage::Storage;

/// Reads segments again whose frames go on behind the place where their owner left them: an
/// append failed whose frame reached the file, and sealing failed too. Such frames are no
/// records. `parts` are in order of run and number.
pub(super) fn settle(
    storage: &dyn Storage,
    mut parts: Vec<Part>,
    trust: &dyn Fn(RunId) -> Trust,
) -> Vec<Part> {
    let mut behind: Option<(RunId, crate::seq::SegmentNumber, u64)> = None;
    for part in parts.iter_mut().rev() {
        let file = &part.segment;
        if let Some((run, number, end)) = behind
            && (run, number) == (file.run, file.number.next())
            && (end < part.scanned.frames_end()
                || (end == part.scanned.frames_end() && part.scanned.is_seal_doubted))
        {
            let mut file = file.clone();
            file.frames_max = end;
            *part = Part::read(storage, file, trust(run));
        }
        let file = &part.segment;
        behind = part
            .claims
            .predecessor_end
            .map(|end| (file.run, file.number, end));
    }
    parts
}
