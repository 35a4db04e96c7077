//! Islands of valid frames that a search found, and which of them to believe.
//!
//! Payloads may hold anything, frames of this very segment included. What lies behind is harder to
//! make than what lies before: so islands are believed from the last to the first, and one that a
//! believed one contradicts is not.

use crate::format::{FRAME_ALIGNMENT, FRAME_LEN_MIN};
use crate::seeded::{self, Bug};

/// Valid frames that touch each other, found behind a place where one was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The low bits of the numbers of its first and last frame.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Between the one before and this one there is anything but zeros.
    pub(super) is_behind_content: bool,
}

/// Everything found, in order: payloads can be made to hold one in every 16 bytes, so each takes
/// few.
#[derive(Default)]
pub(super) struct Findings {
    chunks: Vec<PackedRanges>,
    newest: Found,
}

#[derive(Default)]
struct PackedRanges {
    /// What the first one is told by.
    before: Found,
    bytes: Vec<u8>,
    count: usize,
    /// A bit for each, set once it is believed.
    believed: Vec<u64>,
}

impl Findings {
    /// Adds the next island.
    pub(super) fn push(&mut self, island: Found) {
        if self.chunks.last().is_none_or(|c| c.count == CHUNK_COUNT) {
            self.chunks.push(PackedRanges {
                before: self.newest,
                ..PackedRanges::default()
            });
        }
        if let Some(chunk) = self.chunks.last_mut() {
            put_island(&mut chunk.bytes, &self.newest, &island);
            chunk.count += 1;
        }
        self.newest = island;
    }

    /// Believes islands from the last to the first.
    pub(super) fn believe(&mut self) {
        let mut next: Option<Found> = None;
        for chunk in self.chunks.iter_mut().rev() {
            let islands: Vec<Found> = chunk.islands().collect();
            let mut believed = vec![0; CHUNK_COUNT / 64];
            for (at, island) in islands.iter().enumerate().rev() {
                if next.is_none_or(|next| island.allows(&next)) {
                    next = Some(*island);
                    if let Some(bits) = believed.get_mut(at / 64) {
                        *bits |= 1 << (at % 64);
                    }
                }
            }
            chunk.believed = believed;
        }
        if seeded::has(Bug::FirstIslandBelieved) {
            self.believe_from_the_first();
        }
    }

    /// All islands in order, and whether they are believed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Found, bool)> {
        self.chunks.iter().flat_map(|chunk| {
            let is_believed = |at: usize| {
                let bits = chunk.believed.get(at / 64).copied().unwrap_or(0);
                bits >> (at % 64) & 1 == 1
            };
            let islands = chunk.islands().enumerate();
            islands.map(move |(at, island)| (island, is_believed(at)))
        })
    }

    fn believe_from_the_first(&mut self) {
        let mut before: Option<Found> = None;
        for chunk in &mut self.chunks {
            let islands: Vec<Found> = chunk.islands().collect();
            chunk.believed.fill(0);
            for (at, island) in islands.iter().enumerate() {
                if before.is_none_or(|before| before.allows(island)) {
                    before = Some(*island);
                    if let Some(bits) = chunk.believed.get_mut(at / 64) {
                        *bits |= 1 << (at % 64);
                    }
                }
            }
        }
    }
}

impl Found {
    /// Whether frames between this one and another one behind it explain their numbers: one at
    /// least is missing, and each took at least a header's bytes.
    fn allows(&self, behind: &Found) -> bool {
        let missing = behind.first.wrapping_sub(self.last).wrapping_sub(1);
        let missing_max = behind.from.saturating_sub(self.to) / FRAME_LEN_MIN;
        (1..=missing_max).contains(&u64::from(missing))
    }
}

impl PackedRanges {
    fn islands(&self) -> impl Iterator<Item = Found> {
        let mut rest = &*self.bytes;
        let mut before = self.before;
        std::iter::from_fn(move || {
            before = take_island(&mut rest, &before)?;
            Some(before)
        })
    }
}

/// Puts down how an island differs from the one before it.
fn put_island(bytes: &mut Vec<u8>, before: &Found, island: &Found) {
    let skipped = (island.from - before.to) / FRAME_ALIGNMENT;
    put(bytes, skipped << 1 | u64::from(island.is_behind_content));
    put(bytes, (island.to - island.from) / FRAME_ALIGNMENT);
    let step = island.first.wrapping_sub(before.last).cast_signed();
    let step = (step << 1 ^ step >> 31).cast_unsigned();
    put(bytes, u64::from(step));
    put(bytes, u64::from(island.last.wrapping_sub(island.first)));
}

fn take_island(bytes: &mut &[u8], before: &Found) -> Option<Found> {
    let skipped = take(bytes)?;
    let from = before.to + (skipped >> 1) * FRAME_ALIGNMENT;
    let to = from + take(bytes)? * FRAME_ALIGNMENT;
    let step = u32::try_from(take(bytes)?).ok()?;
    let step = step >> 1 ^ (step & 1).wrapping_neg();
    let first = before.last.wrapping_add(step);
    let more = u32::try_from(take(bytes)?).ok()?;
    Some(Found {
        from,
        to,
        first,
        last: first.wrapping_add(more),
        is_behind_content: skipped & 1 == 1,
    })
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        bytes.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    bytes.push(low);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// So many islands are taken apart at a time.
const CHUNK_COUNT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn island(from: u64, to: u64, (first, last): (u32, u32)) -> Found {
        Found {
            from,
            to,
            first,
            last,
            is_behind_content: from.is_multiple_of(16),
        }
    }

    #[test]
    fn islands_read_back() {
        let mut findings = Findings::default();
        let mut all = Vec::new();
        let mut at = 8192;
        for number in 0..5_000_u32 {
            let first = number.wrapping_mul(0x9E37_79B9);
            let to = at + 16 + u64::from(number % 7) * 8 + (u64::from(number % 3) << 29);
            all.push(island(at, to, (first, first.wrapping_add(number % 5))));
            at = to + u64::from(number % 11) * 8;
        }
        all.iter().for_each(|island| findings.push(*island));
        let read: Vec<Found> = findings.iter().map(|(island, _)| island).collect();
        assert!(read == all);
    }

    #[test]
    fn what_a_later_island_contradicts_is_not_believed() {
        let mut findings = Findings::default();
        let all = [
            island(1000, 1016, (3, 3)),
            island(1080, 1096, (8, 8)),
            island(1104, 1120, (7, 7)),
            island(1128, 1144, (11, 11)),
            island(1160, 1176, (10, 12)),
            island(1192, 1208, (14, 14)),
        ];
        all.iter().for_each(|island| findings.push(*island));
        findings.believe();
        let believed: Vec<bool> = findings.iter().map(|(_, believed)| believed).collect();
        assert_eq!(believed, [true, false, true, false, true, true]);
    }
}
