//! Judges every place of a run that holds no intact frames though it might.

use super::files::{HeaderFact, Naming, SegmentFile};
use super::finding::{Finding, MissingRange};
use super::run::{NextDue, RunSurvey};
use super::segment_scan::Part;
use super::verdict::{
    Between, Bytes, EndSight, GapSight, Missing, Verdict, end_verdict, gap_verdict,
};
use super::witness::Fate;
use crate::error::DamageReason;
use crate::format::{FRAMES_OFFSET, FileName};
use crate::segment::BrokenRange;
use crate::seq::SegmentNumber;

impl RunSurvey {
    pub(super) fn miss_segment(&mut self, due: NextDue, last: Option<u64>) {
        let name = FileName::Segment(self.run, due.segment).to_string();
        let missing = match last {
            Some(last) if last >= due.seq => self.fates.split(due.seq, last, true),
            Some(_) => Vec::new(),
            None => vec![(due.seq, u64::MAX, Fate::Unwitnessed)],
        };
        for (first, last, fate) in missing {
            let verdict = gap_verdict(GapSight {
                is_live: self.is_live(),
                is_half_done: false,
                between: Between::NoFile,
                missing: fate.into(),
            });
            self.findings.push(Finding {
                file: name.clone(),
                segment: due.segment,
                offset: 0,
                len: 0,
                reason: DamageReason::MissingSegment,
                missing: Some(MissingRange {
                    first,
                    last: Some(last).filter(|last| *last < u64::MAX),
                    fate,
                }),
                contested: None,
                verdict,
            });
        }
        let at = (&*name, due.segment, 0);
        self.miss_more(at, DamageReason::MissingSegment, last);
    }

    /// Says that more may be missing behind what is known to be, where nothing tells how much.
    fn miss_more(
        &mut self,
        (file, segment, offset): (&str, SegmentNumber, u64),
        reason: DamageReason,
        last: Option<u64>,
    ) {
        let Some(last) = last.filter(|last| self.witness.is_open_behind(*last)) else {
            return;
        };
        self.findings.push(Finding {
            file: file.to_owned(),
            segment,
            offset,
            len: 0,
            reason,
            missing: Some(MissingRange {
                first: last.saturating_add(1),
                last: None,
                fate: Fate::Unwitnessed,
            }),
            contested: None,
            verdict: Verdict::Damage,
        });
    }

    /// Misses a segment beside one that may not be read: which numbers it had is not known.
    pub(super) fn miss_unnumbered(&mut self, due: NextDue) {
        self.findings.push(Finding {
            file: FileName::Segment(self.run, due.segment).to_string(),
            segment: due.segment,
            offset: 0,
            len: 0,
            reason: DamageReason::MissingSegment,
            missing: None,
            contested: None,
            verdict: Verdict::Damage,
        });
    }

    /// The first record there should be is not the first one there is, though nothing is in front
    /// of it: no crash explains that.
    pub(super) fn miss_beginning(&mut self, part: &Part, missing: (u64, u64)) {
        let at = (FRAMES_OFFSET, 0);
        let judge = |_| Verdict::Damage;
        let place = MissingPlace {
            at,
            reason: DamageReason::SeqGap,
            is_blank: false,
        };
        self.push_missing(part, place, missing, &judge);
    }

    /// Judges the header pages; true if a crash while they were written explains them.
    pub(super) fn judge_header(&mut self, part: &Part) -> bool {
        let segment = &part.segment;
        let pages = match segment.header {
            HeaderFact::Intact | HeaderFact::Unread => None,
            HeaderFact::OnePage(0) => Some((0, FRAMES_OFFSET / 2)),
            HeaderFact::OnePage(_) => Some((FRAMES_OFFSET / 2, FRAMES_OFFSET / 2)),
            HeaderFact::Broken | HeaderFact::Zeros => Some((0, FRAMES_OFFSET)),
        };
        // The pages are synced before the segment is used: only an unused one may be half made.
        let is_unused = part.records == 0 && part.scanned.is_blank();
        if segment.naming == Naming::Other {
            let reason = DamageReason::BadHeader;
            let finding = Finding::costless(segment, (0, 0), reason);
            self.findings.push(finding);
        }
        match pages {
            Some((offset, len)) if !is_unused => {
                let at = (offset, len.min(segment.len.saturating_sub(offset)));
                let reason = DamageReason::BadHeader;
                self.findings.push(Finding::costless(segment, at, reason));
                false
            }
            _ => true,
        }
    }

    /// Judges the bytes between two intact frames; `missing` are the sequence numbers due at
    /// their start and found behind them.
    pub(super) fn judge_gap(
        &mut self,
        part: &Part,
        stretch: &BrokenRange,
        missing: (u64, u64),
    ) -> Verdict {
        let (due, next) = missing;
        let bytes = bytes_of(Some(stretch));
        let sight = GapSight {
            is_live: self.is_live(),
            is_half_done: self.is_half_done(Some(stretch)),
            between: Between::These(bytes),
            missing: Missing::None,
        };
        let at = (stretch.offset, stretch.end - stretch.offset);
        if due == next {
            let verdict = gap_verdict(sight);
            let finding = Finding::costless(&part.segment, at, stretch.reason);
            self.findings.push(Finding { verdict, ..finding });
            return verdict;
        }
        let judge = |fate: Fate| {
            gap_verdict(GapSight {
                missing: fate.into(),
                ..sight
            })
        };
        let place = MissingPlace {
            at,
            reason: stretch.reason,
            is_blank: bytes == Bytes::Zeros,
        };
        self.push_missing(part, place, (due, next - 1), &judge)
    }

    /// Judges what is behind the last intact frame; `missing` are the sequence number due there
    /// and the first one known not to be missing. A seal before the segment may have named it.
    pub(super) fn judge_end(
        &mut self,
        part: &Part,
        missing: (u64, u64),
        (is_named, is_followed): (bool, bool),
    ) -> Verdict {
        let (due, given_out) = missing;
        let segment = &part.segment;
        let tail = part.scanned.stretches.last().filter(|s| s.next.is_none());
        let sight = EndSight {
            is_sealed: part.scanned.is_sealed,
            has_frames: part.records > 0,
            is_cut: is_cut(segment),
            is_hollow: is_named && !has_page(segment.header),
            is_live: self.is_live(),
            is_followed,
            is_half_done: self.is_half_done(tail),
            behind: bytes_of(tail),
            missing: Missing::None,
        };
        let judge = |fate: Fate| {
            end_verdict(EndSight {
                missing: fate.into(),
                ..sight
            })
        };
        let (offset, len) = tail.map_or((segment.len, 0), tail_extent);
        let reason = match tail {
            _ if sight.is_hollow && !sight.is_cut => DamageReason::BadHeader,
            Some(_) if sight.is_cut && sight.behind == Bytes::Zeros => DamageReason::ShortFrame,
            Some(tail) => tail.reason,
            None => DamageReason::ShortFrame,
        };
        if due < given_out {
            let place = MissingPlace {
                at: (offset, len),
                reason,
                is_blank: sight.behind == Bytes::Zeros,
            };
            let verdict = self.push_missing(part, place, (due, given_out - 1), &judge);
            let at = (&*segment.name, segment.number, offset + len);
            self.miss_more(at, reason, Some(given_out - 1));
            return verdict;
        }
        let verdict = end_verdict(sight);
        if matches!(verdict, Verdict::Damage | Verdict::Torn) {
            self.findings.push(Finding {
                file: segment.name.clone(),
                segment: segment.number,
                offset,
                len,
                reason,
                missing: (!is_followed).then_some(MissingRange {
                    first: due,
                    last: None,
                    fate: Fate::Unwitnessed,
                }),
                contested: None,
                verdict,
            });
        }
        verdict
    }

    /// In memory nothing but the end of its process leaves an append unfinished, and that takes
    /// nothing else away. Elsewhere that is so where nothing else happened, but zeros may be there
    /// for other reasons: what was not synced is no proof that they are.
    fn is_half_done(&self, place: Option<&BrokenRange>) -> bool {
        let is_blank = bytes_of(place) == Bytes::Zeros;
        let is_unfinished = is_blank || place.is_some_and(|s| s.is_unfinished);
        let is_begun = !is_blank && place.is_some_and(|s| s.is_begun);
        self.witness.is_in_memory && is_unfinished || self.witness.was_killed() && is_begun
    }

    /// One finding for each fate among the missing numbers; gives the worst verdict.
    fn push_missing(
        &mut self,
        part: &Part,
        place: MissingPlace,
        (first, last): (u64, u64),
        judge: &dyn Fn(Fate) -> Verdict,
    ) -> Verdict {
        let mut worst = Verdict::Retired;
        let (offset, mut len) = place.at;
        let mut begin = offset;
        // Retention leaves no bytes behind.
        for (first, last, fate) in self.fates.split(first, last, place.is_blank) {
            let verdict = judge(fate);
            if verdict == Verdict::Damage || worst == Verdict::Retired {
                worst = verdict;
            }
            self.findings.push(Finding {
                file: part.segment.name.clone(),
                segment: part.segment.number,
                offset: begin,
                len,
                reason: place.reason,
                missing: Some(MissingRange {
                    first,
                    last: Some(last),
                    fate,
                }),
                contested: None,
                verdict,
            });
            // The bytes are counted once.
            begin = offset + place.at.1;
            len = 0;
        }
        worst
    }

    /// Damage that cost no record, and what could not be read.
    pub(super) fn judge_details(&mut self, part: &Part, first_seq: u64) {
        let segment = &part.segment;
        for (from, to) in &part.scanned.dirty_padding {
            let reason = DamageReason::BadCrc;
            let finding = Finding::costless(segment, (*from, to - from), reason);
            let is_cut = part.scanned.is_sealed && segment.len <= *to;
            // Its owner died while it wrote over half a frame that a failed write had left there.
            let is_explained = *to == part.scanned.frames_end() && !is_cut;
            let verdict = match (is_explained, self.is_live()) {
                (false, _) => Verdict::Damage,
                (true, false) => Verdict::Torn,
                (true, true) => Verdict::InFlight,
            };
            self.findings.push(Finding { verdict, ..finding });
        }
        for at in &part.notes.undecodable {
            let reason = DamageReason::UndecodablePayload;
            self.findings.push(Finding::costless(segment, *at, reason));
        }
        for patch in &segment.patches {
            let at = (patch.from, patch.to - patch.from);
            self.findings
                .push(Finding::costless(segment, at, patch.reason));
        }
        for contested in &part.scanned.contested {
            let at = (contested.offset, contested.end - contested.offset);
            let number = |low: u32| {
                let base = part.scanned.base.unwrap_or(low);
                let relative = i64::from(low.wrapping_sub(base).cast_signed());
                first_seq.saturating_add_signed(relative)
            };
            let numbers = (number(contested.first), number(contested.last));
            let finding = Finding::costless(segment, at, DamageReason::Contested);
            self.findings.push(Finding {
                contested: Some(numbers),
                ..finding
            });
        }
        for unread in &part.scanned.unread {
            let at = (unread.offset, unread.end - unread.offset);
            self.findings
                .push(Finding::costless(segment, at, unread.reason));
        }
    }
}

/// Whether another program has cut the file: it has its whole length before anything is written to
/// it, and no less until a seal ends it.
fn is_cut(segment: &SegmentFile) -> bool {
    match segment.told_len {
        Some(told) => segment.len < told,
        None => segment.header == HeaderFact::Broken && segment.len < FRAMES_OFFSET,
    }
}

fn has_page(header: HeaderFact) -> bool {
    match header {
        // What could not be read may be there.
        HeaderFact::Intact | HeaderFact::OnePage(_) | HeaderFact::Unread => true,
        HeaderFact::Broken | HeaderFact::Zeros => false,
    }
}

/// Bytes that hold no record though some are missing.
#[derive(Clone, Copy)]
struct MissingPlace {
    /// Offset and length.
    at: (u64, u64),
    reason: DamageReason,
    /// There are only zeros.
    is_blank: bool,
}

fn bytes_of(stretch: Option<&BrokenRange>) -> Bytes {
    match stretch {
        Some(stretch) if stretch.has_unread => Bytes::Unread,
        Some(stretch) if stretch.content_end > stretch.offset => Bytes::NotZeros,
        _ => Bytes::Zeros,
    }
}

/// Offset and length of what is behind the last frame, without the zeros behind its content.
fn tail_extent(tail: &BrokenRange) -> (u64, u64) {
    let is_blank = tail.content_end == tail.offset;
    let end = if is_blank { tail.end } else { tail.content_end };
    (tail.offset, end - tail.offset)
}
