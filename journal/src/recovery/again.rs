//! A second look at what is being written while it is read.

use super::catch_up::catch_up;
use super::files::{FoundFile, SegmentFile, identify, list};
use super::run::RunSurvey;
use super::segment_ends::settle;
use super::segment_scan::{Part, Trust};
use super::witness::Witness;
use crate::format::FileName;
use crate::storage::Storage;

/// Reads a run that is being written again before damage in it is believed.
pub(super) fn look_again(storage: &dyn Storage, first: RunSurvey, witness: Witness) -> RunSurvey {
    if !first.liveness.may_be_alive() || !first.is_damaged() {
        return first;
    }
    // Bytes read before a witness was written may have been incomplete when they were read.
    let in_band_max = first.witness.in_band;
    let segments = first.segments.into_iter();
    let mut files: Vec<SegmentFile> = segments.map(|segment| segment.part.segment).collect();
    // A listing may leave out files that are made while it is taken, and a header may have been
    // read before it was written.
    for entry in list(storage).unwrap_or_default() {
        if let Some(FileName::Segment(run, number)) = FileName::parse(&entry.name)
            && run == first.run
            && let FoundFile::Segment(file) = identify(storage, &entry)
            && (file.run, file.number) == (run, number)
        {
            match files.iter_mut().find(|known| known.number == number) {
                Some(known) if known.name == file.name => *known = file,
                Some(_) => {}
                None => files.push(file),
            }
        }
    }
    let parts = files.into_iter();
    let parts = parts.map(|file| Part::read(storage, file, Trust::Moving));
    let mut parts: Vec<Part> = parts.collect();
    parts.sort_by_key(|part| part.segment.number);
    let mut parts = settle(storage, parts, &|_| Trust::Moving);
    let read = |file| Part::read(storage, file, Trust::Moving);
    catch_up(storage, first.run, &mut parts, &read);
    RunSurvey::assemble(first.run, first.liveness, parts, witness, Some(in_band_max))
}
