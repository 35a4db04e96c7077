//! Steps over frames that are not valid but whose headers tell where they end.

use std::collections::HashSet;

use super::expected::Expected;
use super::scanner::Scanner;
use crate::format::{FRAME_HEADER_LEN, FrameHeader, HopHeader};
use crate::seeded::{self, Bug};

/// Where headers lead.
pub(super) struct Hop {
    /// The valid frame at the end of them, with the place where it was due.
    pub(super) found: Option<(Expected, FrameHeader)>,
    /// Where to search, if there is none: behind frames that were begun, for what is in them was
    /// never a record.
    pub(super) search_from: Expected,
}

/// Places from which headers are known to lead to nothing.
#[derive(Default)]
pub(super) struct DeadEnds(HashSet<u64>);

impl Scanner<'_> {
    /// Follows headers with the numbers due from a place that holds no valid frame.
    pub(super) fn hop(&mut self, from: Expected, dead_ends: &mut DeadEnds) -> Hop {
        let mut due = from;
        let mut search_from = from;
        let mut hops = 0_u64;
        let end = self.input.len.min(self.input.portion.content_end);
        let mut passed = Vec::new();
        while let Some(header) = self.hop_header(due) {
            due = due.begun(header.seq_low);
            let behind = due.behind(header.frame_len());
            if behind.offset > self.end_max() {
                break;
            }
            let is_begun = header.is_begun(self.input.seed, due.offset);
            if is_begun && search_from.offset == due.offset {
                search_from = behind;
            }
            due = behind;
            if due.offset >= end {
                break;
            }
            if let Some(header) = self.due_at(due) {
                let is_followed =
                    !seeded::has(Bug::HopLookedInside) && !seeded::has(Bug::SearchGivenUp);
                self.window.try_range(from.offset, due.offset);
                let found = is_followed.then_some((due, header));
                return Hop { found, search_from };
            }
            hops += 1;
            // Headers of many frames may lead to the same ones: these are followed once.
            if hops.is_multiple_of(HOPS_PER_NOTE) {
                if dead_ends.0.contains(&due.offset) {
                    break;
                }
                passed.push(due.offset);
            }
        }
        dead_ends.0.extend(passed);
        self.window.try_range(from.offset, search_from.offset);
        if seeded::has(Bug::HopLookedInside) {
            search_from = from;
        }
        Hop {
            found: None,
            search_from,
        }
    }

    /// The header at this place, if it has the number due.
    fn hop_header(&mut self, due: Expected) -> Option<HopHeader> {
        let bytes = self.window.at(due.offset, FRAME_HEADER_LEN).ok()?;
        let header = HopHeader::decode(*bytes.first_chunk()?)?;
        let is_due = due.missing(header.seq_low) == Some(0);
        (is_due && due.offset < self.input.len).then_some(header)
    }
}

const HOPS_PER_NOTE: u64 = 16;
