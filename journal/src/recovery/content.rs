//! Where the content of a segment ends that nobody writes any more.

use std::io;

use crate::seeded::{self, Bug};
use crate::storage::StorageFile;

/// Behind the last byte that is not zero, to 8 bytes; what the file system says is a hole is not
/// read.
///
/// Zeros are believed though they may only be cached: no writer puts them where records are.
///
/// # Errors
/// As the system says.
pub(super) fn content_end(file: &dyn StorageFile) -> io::Result<u64> {
    let mut end = file.len()?;
    if seeded::has(Bug::HoleTakenForEnd) {
        end = file.data_behind(0)?.map_or(0, |(_, to)| to);
    }
    let mut buffer = vec![0; BUFFER_LEN];
    let mut may_be_hole = true;
    while end > 0 {
        let begin = (end - 1) / PIECE_LEN * PIECE_LEN;
        let mut ranges = data(file, (begin, end))?;
        if may_be_hole && !ranges.is_empty() {
            // Space that was only reserved does not show as a hole while zeros of it are cached.
            if !seeded::has(Bug::PoisonedCacheBelieved) {
                file.drop_cache(begin, end)?;
            }
            ranges = data(file, (begin, end))?;
        }
        // Segments are filled with zeros from the front: no more holes.
        may_be_hole &= ranges.is_empty();
        for range in ranges.into_iter().rev() {
            if let Some(end) = content_end_in(file, range, &mut buffer)? {
                return Ok(end);
            }
        }
        end = begin;
    }
    Ok(0)
}

/// The ranges of a part of the file that are no holes, in order.
fn data(file: &dyn StorageFile, (begin, end): (u64, u64)) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut at = begin;
    while at < end
        && let Some((from, to)) = file.data_behind(at)?
        && from < end
    {
        ranges.push((from, to.min(end)));
        at = to.max(from + 1);
    }
    Ok(ranges)
}

/// The same for a part of the file; `None` if there are only zeros.
fn content_end_in(
    file: &dyn StorageFile,
    (from, mut end): (u64, u64),
    buffer: &mut [u8],
) -> io::Result<Option<u64>> {
    while end > from {
        let begin = from.max((end - 1) / BUFFER_LEN_U64 * BUFFER_LEN_U64);
        let len = usize::try_from(end - begin).unwrap_or(BUFFER_LEN);
        let part = buffer.get_mut(..len).unwrap_or(&mut []);
        let count = file.read_at(part, begin)?;
        if let Some(len) = content_len(part.get(..count).unwrap_or(&[])) {
            let len = u64::try_from(len).unwrap_or(0);
            return Ok(Some((begin + len).next_multiple_of(8)));
        }
        end = begin;
    }
    Ok(None)
}

/// How many bytes there are up to the last one that is not zero; `None` if all are.
fn content_len(bytes: &[u8]) -> Option<usize> {
    let mut end = bytes.len();
    // Compared piece by piece, which takes a small part of the time of a look at each byte.
    while let Some(piece) = bytes.get(..end)?.rchunks(ZEROS.len()).next() {
        let before = end - piece.len();
        if ZEROS.get(..piece.len()) != Some(piece) {
            let last = piece.iter().rposition(|byte| *byte != 0)?;
            return Some(before + last + 1);
        }
        end = before;
    }
    None
}

/// What is forgotten, and asked for holes, at once; a file is cached in pieces no larger than this.
const PIECE_LEN: u64 = 2 << 20;

const BUFFER_LEN: usize = 256 << 10;
const BUFFER_LEN_U64: u64 = 256 << 10;
const ZEROS: [u8; 4096] = [0; 4096];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::testing::MemoryStorage;
    use crate::storage::Storage;

    fn end_of(bytes: Vec<u8>) -> u64 {
        let mut storage = MemoryStorage::default();
        storage.files.insert("file".to_owned(), bytes);
        content_end(&*storage.open("file").unwrap()).unwrap()
    }

    #[test]
    fn content_ends_behind_the_last_byte_that_is_not_zero() {
        assert_eq!(end_of(Vec::new()), 0);
        assert_eq!(end_of(vec![0; 5 << 20]), 0);
        let len = (5 << 20) + 100;
        for place in [
            0,
            7,
            8,
            4095,
            4096,
            1 << 20,
            (2 << 20) - 1,
            2 << 20,
            len - 1,
        ] {
            for first in [place, 0] {
                let mut bytes = vec![0; len];
                bytes[first] = 1;
                bytes[place] = 1;
                let end = u64::try_from(place + 1).unwrap().next_multiple_of(8);
                assert_eq!(end_of(bytes), end, "{place}");
            }
        }
    }
}
