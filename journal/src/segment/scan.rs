//! Walks the frames of a segment and accounts for every byte behind its header pages.

use super::expected::Expected;
use super::hop::DeadEnds;
use super::read_buffer::ReadBuffer;
use super::scan_range::ScanRange;
use super::scan_result::ScanResult;
use super::scanner::{ScanInput, Scanner};
use super::seen::Seen;
use super::sums::Sums;
use crate::format::{FRAMES_OFFSET, OFFSET_MAX};
use crate::storage::StorageFile;

/// Walks the frames of `file` from its header pages to its end, and shows those that say anything
/// of the journal or of a session: of a caller's own record of no session there is nothing to show.
///
/// The work is linear in the file's length whatever it holds, and nothing is left unsearched.
pub(crate) fn scan(
    file: &dyn StorageFile,
    input: ScanInput,
    visit: &mut dyn FnMut(&Seen<'_>),
) -> ScanResult {
    scan_by(file, input, visit, |scanner, due| scanner.walk_held(due))
}

/// The same, with `walk_sound` to take in as many sound frames as it likes; the others get a closer
/// look each.
pub(super) fn scan_by(
    file: &dyn StorageFile,
    input: ScanInput,
    visit: &mut dyn FnMut(&Seen<'_>),
    walk_sound: impl Fn(&mut Scanner<'_>, Expected) -> Expected,
) -> ScanResult {
    let len = input.len.min(OFFSET_MAX);
    let input = ScanInput {
        len,
        told_len: input.told_len.min(OFFSET_MAX).max(len),
        ..input
    };
    let content_len = len.min(input.portion.content_end);
    let mut scanner = Scanner {
        window: ReadBuffer::new(file, content_len),
        sums: Sums::new(file, content_len, input.is_moving),
        begun: input.seed.begin(),
        input,
        scanned: ScanResult::default(),
        found_end: None,
        visit,
    };
    scanner.walk(&walk_sound);
    let mut scanned = scanner.scanned;
    scanned.error = scanner.window.into_error();
    scanned
}

impl Scanner<'_> {
    fn walk(&mut self, walk_sound: &dyn Fn(&mut Self, Expected) -> Expected) {
        let mut due = self.begin();
        let end = self.input.len.min(self.input.frames_max);
        while due.offset < end && !self.scanned.is_sealed {
            let reason = match self.step(due, walk_sound) {
                Ok(next) => {
                    due = next;
                    continue;
                }
                Err(reason) => reason,
            };
            let hop = self.hop(due, &mut DeadEnds::default());
            let Some((found, header)) = hop.found else {
                return self.search(due, reason, hop.search_from, walk_sound);
            };
            let bad = due.begun_by(&found);
            self.push_stretch(bad, reason, Some(&found), found.offset);
            due = self.accept(found, &header);
        }
        self.end_walk(due);
    }

    /// Where the walk begins: the place of the first frame, unless only a portion is wanted.
    fn begin(&mut self) -> Expected {
        let due = Expected {
            offset: FRAMES_OFFSET,
            relative: 0,
            base: None,
        };
        let ScanRange { from, relative, .. } = self.input.portion;
        let Some(relative) = relative.filter(|_| from > FRAMES_OFFSET) else {
            return due;
        };
        // Without the first frame nothing tells the numbers of others: all of it is walked.
        let Ok(header) = self.look(due) else {
            return due;
        };
        let due = self.accept(due, &header);
        Expected {
            offset: from.max(due.offset),
            relative: u64::from(relative),
            ..due
        }
    }
}
