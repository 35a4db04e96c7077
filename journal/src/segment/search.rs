//! What is behind a place from which no header leads on: everything to the end of the file is
//! searched for valid frames.

use super::expected::Expected;
use super::found_ranges::{Findings, Found};
use super::hop::DeadEnds;
use super::resync::next_candidate;
use super::scan_result::Contested;
use super::scanner::{Scanner, decode};
use crate::error::DamageReason;
use crate::format::{FRAME_ALIGNMENT, FRAME_HEADER_LEN, FrameHeader};
use crate::seeded::{self, Bug};

/// What a search goes by and comes to.
struct Search {
    findings: Findings,
    dead_ends: DeadEnds,
    /// Behind the last bytes that are not zero.
    content_end: u64,
    /// Behind the last island.
    island_end: u64,
}

impl Scanner<'_> {
    /// Takes in what is believed of all that lies behind a place, which holds no valid frame for
    /// this reason; what is in front of `from` need not be looked at.
    pub(super) fn search(
        &mut self,
        bad: Expected,
        reason: DamageReason,
        from: Expected,
        walk_sound: &dyn Fn(&mut Self, Expected) -> Expected,
    ) {
        let mut search = self.search_all(from);
        self.found_end = Some(search.content_end);
        search.findings.believe();
        let mut due = bad;
        let mut reason = reason;
        let mut contested: Option<Contested> = None;
        // What was hopped over begins with a header.
        let mut has_content = from.offset > bad.offset;
        for (island, is_believed) in search.findings.iter() {
            has_content |= island.is_behind_content;
            if island.from < due.offset {
                continue;
            }
            if !is_believed {
                has_content = true;
                contested = Some(join(contested, &island));
                continue;
            }
            let known = due.begun(island.first.wrapping_sub(1));
            let next = Expected {
                offset: island.from,
                relative: u64::from(known.relative_of(island.first)),
                ..known
            };
            let content_end = if has_content { next.offset } else { due.offset };
            self.push_stretch(due, reason, Some(&next), content_end);
            self.scanned.contested.extend(contested.take());
            (due, reason) = self.walk_island(next, &island, walk_sound);
            has_content = false;
        }
        if self.scanned.is_sealed {
            return self.end_walk(due);
        }
        if due.offset < self.input.len {
            let content_end = search.content_end.max(due.offset);
            self.push_stretch(due, reason, None, content_end);
        }
    }

    /// Takes in the frames of an island, whose places and numbers are known; gives what is due
    /// behind it, and why that is not there.
    fn walk_island(
        &mut self,
        mut due: Expected,
        island: &Found,
        walk_sound: &dyn Fn(&mut Self, Expected) -> Expected,
    ) -> (Expected, DamageReason) {
        while due.offset < island.to {
            match self.step(due, walk_sound) {
                Ok(next) => due = next,
                // It has changed since it was found.
                Err(reason) => return (due, reason),
            }
        }
        let end = self.input.len.min(self.input.frames_max);
        let reason = match due.offset < end && !self.scanned.is_sealed {
            true => self.look(due).err(),
            false => None,
        };
        (due, reason.unwrap_or(DamageReason::BadCrc))
    }

    /// All islands from a place on.
    fn search_all(&mut self, due: Expected) -> Search {
        let mut search = Search {
            findings: Findings::default(),
            dead_ends: DeadEnds::default(),
            content_end: due.offset,
            island_end: due.offset,
        };
        let end = self.search_end();
        let mut at = due.offset;
        let mut work = 0_u64;
        while at < end {
            let slab = match self.window.at(at, FRAME_HEADER_LEN) {
                Ok(slab) => slab,
                Err(bad) => {
                    search.content_end = bad.to.min(end).max(at);
                    at = bad.to.max(at + FRAME_ALIGNMENT);
                    continue;
                }
            };
            let step = next_candidate(slab, at, due);
            search.content_end = search.content_end.max(step.content_end);
            at += step.skipped;
            let Some(header) = step.candidate else {
                if step.content_end == 0 {
                    at = self.skip_hole(at, step.skipped);
                }
                continue;
            };
            work += header.frame_len();
            if seeded::has(Bug::SearchLeftOff) && work > 4 * self.input.len {
                break;
            }
            at = match self.is_valid(at, &header) && !seeded::has(Bug::SearchGivenUp) {
                true => self.take_islands(at, &header, &mut search),
                false => at + FRAME_ALIGNMENT,
            };
            search.content_end = search.content_end.max(at.min(end));
        }
        let content_end = self.content_end(end.max(due.offset));
        if content_end > end {
            search.content_end = content_end;
        }
        search
    }

    /// Takes in the island that begins with a valid frame, and those that headers lead to from
    /// there; gives where to search on.
    fn take_islands(&mut self, at: u64, header: &FrameHeader, search: &mut Search) -> u64 {
        let mut island = Search::begin(at, header, search.content_end > search.island_end);
        loop {
            let behind = Expected {
                offset: island.to,
                relative: 0,
                base: Some(island.last.wrapping_add(1)),
            };
            if let Some(header) = self.due_at(behind) {
                island.to += header.frame_len();
                island.last = header.seq_low;
                continue;
            }
            search.findings.push(island);
            search.island_end = island.to;
            let hop = self.hop(behind, &mut search.dead_ends);
            match hop.found {
                Some((found, header)) => island = Search::begin(found.offset, &header, true),
                None => {
                    search.content_end = search.content_end.max(hop.search_from.offset);
                    return hop.search_from.offset;
                }
            }
        }
    }

    /// The frame due at this place, if it is there.
    pub(super) fn due_at(&mut self, due: Expected) -> Option<FrameHeader> {
        if due.offset >= self.search_end() {
            return None;
        }
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN).ok()?;
        let header = decode(bytes)?.ok()?;
        let is_due = due.missing(header.seq_low) == Some(0);
        (is_due && self.is_valid(due.offset, &header)).then_some(header)
    }

    /// Behind the last bytes from `from` on that are not zero, to 8 bytes; `from` if all are.
    pub(super) fn content_end(&mut self, from: u64) -> u64 {
        let nothing = Expected {
            offset: from,
            relative: u64::MAX,
            base: Some(0),
        };
        let end = self.input.len.min(self.input.portion.content_end);
        let mut at = from;
        let mut content_end = from;
        while at < end {
            match self.window.at(at, FRAME_HEADER_LEN) {
                Ok(slab) => {
                    let step = next_candidate(slab, at, nothing);
                    content_end = content_end.max(step.content_end);
                    at += step.skipped;
                    if step.content_end == 0 {
                        at = self.skip_hole(at, step.skipped);
                    }
                }
                Err(bad) => at = bad.to.max(at + FRAME_ALIGNMENT),
            }
        }
        content_end
    }

    /// Goes on behind a hole of the file where so many bytes in front of it are zeros, too.
    fn skip_hole(&mut self, at: u64, zeros: u64) -> u64 {
        if zeros < ZEROS_BEFORE_HOLE || self.input.is_moving {
            return at;
        }
        let data = self.window.source().data_from(at) / FRAME_ALIGNMENT * FRAME_ALIGNMENT;
        data.max(at)
    }

    /// Where frames begin at the latest.
    fn search_end(&self) -> u64 {
        let end = self.input.len.min(self.input.portion.content_end);
        end.min(self.input.frames_max)
    }
}

impl Search {
    fn begin(at: u64, header: &FrameHeader, is_behind_content: bool) -> Found {
        Found {
            from: at,
            to: at + header.frame_len(),
            first: header.seq_low,
            last: header.seq_low,
            is_behind_content,
        }
    }
}

fn join(before: Option<Contested>, island: &Found) -> Contested {
    let begin = before.unwrap_or(Contested {
        offset: island.from,
        end: island.to,
        first: island.first,
        last: island.last,
    });
    let is_before = |a: u32, b: u32| a.wrapping_sub(b).cast_signed() < 0;
    Contested {
        end: island.to,
        first: if is_before(island.first, begin.first) {
            island.first
        } else {
            begin.first
        },
        last: if is_before(begin.last, island.last) {
            island.last
        } else {
            begin.last
        },
        ..begin
    }
}

/// Zeros in a row for which it is asked whether a hole begins.
const ZEROS_BEFORE_HOLE: u64 = 64 << 10;
