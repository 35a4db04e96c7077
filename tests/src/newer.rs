//! Header pages as a version after this one may make them.

use trace_journal::format::HEADER_PAGE_LEN;

use crate::fuzz::crc;

/// A page of this version and with these bits of features: of the rest only the checksum is known.
///
/// # Panics
/// If `page` is shorter than one.
#[must_use]
pub fn page(version: u32, features: u32, page: &[u8]) -> Vec<u8> {
    let (covered, _) = page.split_at(HEADER_PAGE_LEN - 4);
    let [version, features] = [version, features].map(u32::to_le_bytes);
    let mut page = [&covered[..8], &version, &features, &covered[16..]].concat();
    page.extend(crc(&page).to_le_bytes());
    page
}
