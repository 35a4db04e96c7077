//! The two identical pages at the start of a segment.

use super::checksum::checksum;
use super::features::{Features, ReadNeeds};
use super::{HEADER_PAGE_LEN, MAGIC, VERSION};
use crate::seq::{Generation, RunId, SegmentNumber};

/// What a segment says of itself, written once when it is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The run it belongs to.
    pub run: RunId,
    /// Its number in that run.
    pub segment: SegmentNumber,
    /// Bytes the file was made with, header pages included.
    pub file_len: u64,
    /// What a reader should know beyond the format's version.
    pub features: Features,
}

/// What the header pages of a file turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderState {
    /// Both pages are intact.
    Intact(SegmentHeader),
    /// One page is intact; the other, first (0) or second (1), is damaged.
    OnePage(SegmentHeader, u8),
    /// Written by a version of the library that has another format: a page that needs this is
    /// intact, or both are not and say the same newer version.
    Unsupported(ReadNeeds),
    /// Neither page is intact.
    Broken,
}

impl HeaderState {
    /// Whether a page is intact, of whatever version.
    pub(crate) fn has_intact_page(start: &[u8]) -> bool {
        let pages = start.chunks(HEADER_PAGE_LEN).take(2);
        let is_intact = |page| matches!(page, PageState::Intact(_) | PageState::Unsupported(_));
        pages
            .map(|page| PageState::decode(Some(page)))
            .any(is_intact)
    }
}

impl SegmentHeader {
    /// One header page; a segment starts with two of them.
    #[must_use]
    pub fn encode_page(&self) -> [u8; HEADER_PAGE_LEN] {
        let mut page = [0; HEADER_PAGE_LEN];
        let fields = [
            &MAGIC[..],
            &VERSION.to_le_bytes(),
            &self.features.incompatible.to_le_bytes(),
            &self.run.generation.0.to_le_bytes(),
            &self.segment.0.to_le_bytes(),
            &self.run.random.to_le_bytes(),
            &self.file_len.to_le_bytes(),
            &self.features.hands_off.to_le_bytes(),
            &self.features.compatible.to_le_bytes(),
            &self.features.key_id,
        ];
        for (to, from) in page.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        let crc = checksum(page.split_at(CRC_OFFSET).0);
        page.split_at_mut(CRC_OFFSET)
            .1
            .copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// Reads the header pages at the start of a file; missing bytes count as zeros.
    #[must_use]
    pub fn decode(start: &[u8]) -> HeaderState {
        let first = PageState::decode(start.get(..HEADER_PAGE_LEN));
        let second = PageState::decode(start.get(HEADER_PAGE_LEN..2 * HEADER_PAGE_LEN));
        match (first, second) {
            // A writer of the other version made it: to go on as if it were ours could destroy it.
            (PageState::Unsupported(needs), _) | (_, PageState::Unsupported(needs)) => {
                HeaderState::Unsupported(needs)
            }
            (PageState::Intact(first), PageState::Intact(second)) if first == second => {
                HeaderState::Intact(first)
            }
            // Two intact pages that disagree cannot come from one writer: believe the first.
            (PageState::Intact(header), _) => HeaderState::OnePage(header, 1),
            (_, PageState::Intact(header)) => HeaderState::OnePage(header, 0),
            (PageState::Claims(version), PageState::Claims(second)) if version == second => {
                HeaderState::Unsupported(ReadNeeds {
                    version,
                    incompatible: 0,
                })
            }
            _ => HeaderState::Broken,
        }
    }
}

/// What one page turns out to be.
enum PageState {
    Intact(SegmentHeader),
    /// Right magic and checksum, another version or features that are not known.
    Unsupported(ReadNeeds),
    /// Right magic, newer version, but the checksum does not fit.
    Claims(u32),
    Broken,
}

impl PageState {
    fn decode(page: Option<&[u8]>) -> PageState {
        let Some(page) = page.filter(|page| page.len() == HEADER_PAGE_LEN) else {
            return PageState::Broken;
        };
        let mut fields = PageFields(page);
        let magic = fields.take::<8>();
        let version = u32::from_le_bytes(fields.take());
        if magic != MAGIC {
            return PageState::Broken;
        }
        let (covered, crc) = page.split_at(CRC_OFFSET);
        let is_intact = checksum(covered).to_le_bytes() == crc;
        if !is_intact {
            return match version > VERSION {
                true => PageState::Claims(version),
                false => PageState::Broken,
            };
        }
        let incompatible = u32::from_le_bytes(fields.take());
        let needs = ReadNeeds {
            version,
            incompatible,
        };
        if !needs.is_met() {
            return PageState::Unsupported(needs);
        }
        let generation = Generation(u32::from_le_bytes(fields.take()));
        let segment = SegmentNumber(u32::from_le_bytes(fields.take()));
        let run = RunId {
            generation,
            random: u64::from_le_bytes(fields.take()),
        };
        let file_len = u64::from_le_bytes(fields.take());
        let hands_off = u32::from_le_bytes(fields.take());
        let compatible = u32::from_le_bytes(fields.take());
        let key_id = fields.take();
        PageState::Intact(SegmentHeader {
            run,
            segment,
            file_len,
            features: Features {
                incompatible,
                hands_off,
                compatible,
                key_id,
            },
        })
    }
}

/// Takes fixed-width fields off the front of a page.
struct PageFields<'a>(&'a [u8]);

impl PageFields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }
}

/// Where a page's checksum is, in this and every later version: over all bytes before it.
const CRC_OFFSET: usize = HEADER_PAGE_LEN - 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        let run = RunId {
            generation: Generation(7),
            random: 0x0123_4567_89ab_cdef,
        };
        SegmentHeader {
            run,
            segment: SegmentNumber(2),
            file_len: 1 << 20,
            features: Features {
                compatible: 3,
                hands_off: 4,
                key_id: [9; 16],
                ..Features::default()
            },
        }
    }

    /// A page of this version with these incompatible features.
    fn other(version: u32, incompatible: u32) -> [u8; HEADER_PAGE_LEN] {
        let mut page = header().encode_page();
        page[8..12].copy_from_slice(&version.to_le_bytes());
        page[12..16].copy_from_slice(&incompatible.to_le_bytes());
        let crc = checksum(&page[..CRC_OFFSET]);
        page[CRC_OFFSET..].copy_from_slice(&crc.to_le_bytes());
        page
    }

    fn unsupported(version: u32, incompatible: u32) -> HeaderState {
        HeaderState::Unsupported(ReadNeeds {
            version,
            incompatible,
        })
    }

    fn pages() -> Vec<u8> {
        header().encode_page().repeat(2)
    }

    #[test]
    fn of_two_intact_pages_that_disagree_the_first_is_believed() {
        let other = SegmentHeader {
            file_len: 2 << 20,
            ..header()
        };
        let pages = [header().encode_page(), other.encode_page()].concat();
        assert_eq!(
            SegmentHeader::decode(&pages),
            HeaderState::OnePage(header(), 1)
        );
    }

    #[test]
    fn a_newer_version_without_a_checksum_is_believed_only_if_both_pages_claim_it() {
        let mut pages = pages();
        (pages[8], pages[HEADER_PAGE_LEN + 8]) = (9, 9);
        assert_eq!(SegmentHeader::decode(&pages), unsupported(9, 0));
        pages[8] = 10;
        assert_eq!(SegmentHeader::decode(&pages), HeaderState::Broken);
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(
            SegmentHeader::decode(&pages()),
            HeaderState::Intact(header())
        );
    }

    #[test]
    fn one_flipped_bit_anywhere_costs_one_page_only() {
        for at in 0..2 * HEADER_PAGE_LEN {
            let mut bytes = pages();
            bytes[at] ^= 1;
            let page = u8::from(at >= HEADER_PAGE_LEN);
            assert_eq!(
                SegmentHeader::decode(&bytes),
                HeaderState::OnePage(header(), page)
            );
        }
    }

    #[test]
    fn another_version_or_an_unknown_feature_is_not_damage() {
        for (version, features) in [(9, 0), (9, 1), (VERSION, 1 << 31), (VERSION, 1)] {
            let pages = other(version, features).repeat(2);
            assert_eq!(
                SegmentHeader::decode(&pages),
                unsupported(version, features)
            );
        }
        if let Some(older) = VERSION.checked_sub(1) {
            let pages = other(older, 0).repeat(2);
            assert_eq!(SegmentHeader::decode(&pages), unsupported(older, 0));
        }
    }

    #[test]
    fn an_intact_page_of_another_format_counts_whatever_the_other_is() {
        let ours = header().encode_page();
        for (version, features) in [(2, 0), (VERSION, 7)] {
            let newer = other(version, features);
            for other in [ours, newer, [0; HEADER_PAGE_LEN], [7; HEADER_PAGE_LEN]] {
                for pages in [[newer, other], [other, newer]] {
                    let state = SegmentHeader::decode(&pages.concat());
                    assert_eq!(state, unsupported(version, features));
                    assert!(HeaderState::has_intact_page(&pages.concat()));
                }
            }
        }
        assert!(!HeaderState::has_intact_page(&[7; 2 * HEADER_PAGE_LEN]));
        assert!(!HeaderState::has_intact_page(&ours[..HEADER_PAGE_LEN - 1]));
    }

    #[test]
    fn short_and_zero_files_are_broken() {
        assert_eq!(SegmentHeader::decode(b""), HeaderState::Broken);
        assert_eq!(SegmentHeader::decode(&[0; 8192]), HeaderState::Broken);
    }
}
