//! Header pages as a version after this one may make them.

use trace_journal::format::HEADER_PAGE_LEN;

use crate::fuzz::crc;

/// Bits of features: incompatible, hands-off, compatible.
pub type Masks = [u32; 3];

/// A page of this version and with these bits of features: of the rest only the checksum is known.
///
/// # Panics
/// If `page` is shorter than one.
#[must_use]
pub fn page(version: u32, masks: Masks, page: &[u8]) -> Vec<u8> {
    let (covered, _) = page.split_at(HEADER_PAGE_LEN - 4);
    let [incompatible, hands_off, compatible] = masks.map(u32::to_le_bytes);
    let mut page = covered.to_vec();
    for (at, word) in [
        (8, version.to_le_bytes()),
        (12, incompatible),
        (40, hands_off),
        (44, compatible),
    ] {
        page[at..at + 4].copy_from_slice(&word);
    }
    page.extend(crc(&page).to_le_bytes());
    page
}
