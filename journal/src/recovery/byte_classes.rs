//! Every byte of a file in exactly one class.

use super::files::HeaderFact;
use super::segment_scan::Part;
use super::verdict::Verdict;
use crate::format::FRAMES_OFFSET;
use crate::segment::UnreadableRange;

/// How many bytes of a file are of each class; together they are the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteClasses {
    /// Intact header pages.
    pub header: u64,
    /// Intact frames, without their padding.
    pub frame: u64,
    /// Zeros that fill up frames.
    pub padding: u64,
    /// Zeros behind the frames.
    pub zero: u64,
    /// What a crash left, and what was never said to be durable.
    pub torn: u64,
    /// What no crash explains, or what could not be read.
    pub damaged: u64,
    /// What lies beyond the largest offset that a record can have.
    pub unsearched: u64,
    /// Files that are not read as segments.
    pub foreign: u64,
    /// What may not be read.
    pub unreadable: u64,
}

impl ByteClasses {
    /// A file that is not read.
    pub(crate) fn foreign(len: u64) -> ByteClasses {
        ByteClasses {
            foreign: len,
            ..ByteClasses::default()
        }
    }

    /// A file that may not be read.
    pub(crate) fn unreadable(len: u64) -> ByteClasses {
        ByteClasses {
            unreadable: len,
            ..ByteClasses::default()
        }
    }

    /// The classes of a segment's bytes: `gaps` are the verdicts of its stretches, in order.
    pub(crate) fn of(part: &Part, is_header_torn: bool, gaps: &[Verdict]) -> ByteClasses {
        let mut classes = ByteClasses::default();
        let len = part.segment.len;
        classes.add_header(part.segment.header, is_header_torn, len);
        let scanned = &part.scanned;
        for island in &scanned.islands {
            classes.frame += island.end.min(len) - island.offset;
        }
        let dirty: u64 = scanned
            .dirty_padding
            .iter()
            .map(|(from, to)| to - from)
            .sum();
        classes.frame -= scanned.padding;
        classes.padding = scanned.padding - dirty;
        classes.damaged += dirty;
        for (stretch, verdict) in scanned.stretches.iter().zip(gaps) {
            let is_tail = stretch.next.is_none();
            let is_blank = stretch.content_end == stretch.offset;
            let content_end = match verdict {
                _ if !is_tail => stretch.end,
                Verdict::Damage if is_blank => stretch.end,
                _ => stretch.content_end,
            };
            let unread = classes.add_unread(&scanned.unread, (stretch.offset, content_end));
            let count = content_end - stretch.offset - unread;
            match verdict {
                Verdict::Damage => classes.damaged += count,
                _ => classes.torn += count,
            }
            let behind = (content_end, stretch.end);
            let unread = classes.add_unread(&scanned.unread, behind);
            classes.zero += stretch.end - content_end - unread;
        }
        // Beyond the largest offset a record can have, nothing is looked at.
        classes.unsearched += len - classes.sum().min(len);
        debug_assert_eq!(classes.sum(), len, "{classes:?} of {part:?}");
        classes
    }

    /// All bytes: the length of the file.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let known = self.header + self.frame + self.padding + self.zero;
        known + self.torn + self.damaged + self.unsearched + self.foreign + self.unreadable
    }

    fn add_header(&mut self, header: HeaderFact, is_torn: bool, len: u64) {
        let first = len.min(FRAMES_OFFSET / 2);
        let second = len.min(FRAMES_OFFSET) - first;
        let bad = match header {
            HeaderFact::Intact => 0,
            HeaderFact::OnePage(0) => first,
            HeaderFact::OnePage(_) => second,
            HeaderFact::Broken | HeaderFact::Zeros | HeaderFact::Unread => first + second,
        };
        self.header += first + second - bad;
        match header {
            HeaderFact::Zeros if is_torn => self.zero += bad,
            HeaderFact::Unread => self.damaged += bad,
            _ if is_torn => self.torn += bad,
            _ => self.damaged += bad,
        }
    }

    /// Counts the unread bytes of a range and says how many there are.
    fn add_unread(&mut self, unread: &[UnreadableRange], (from, to): (u64, u64)) -> u64 {
        let mut sum = 0;
        for unread in unread {
            let count = unread.end.min(to).saturating_sub(unread.offset.max(from));
            sum += count;
            self.damaged += count;
        }
        sum
    }
}
