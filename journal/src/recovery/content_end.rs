//! Where the content of a segment ends that has no writer any more.

use std::io;

use crate::len::{len_u64, len_usize};
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
        end = file.next_data(0)?.map_or(0, |(_, to)| to);
    }
    let mut buffer = vec![0; len_usize(BUFFER_LEN)];
    // What is dropped from the cache would be read from the disk once more, by thousands of small
    // files: of those, all of it is looked at where it is.
    let mut may_be_hole = end > SMALL_LEN;
    while end > 0 {
        let begin = (end - 1) / LOOK_LEN * LOOK_LEN;
        let mut ranges = data(file, (begin, end))?;
        if may_be_hole && !seeded::has(Bug::PoisonedCacheBelieved) {
            // Segments are filled with zeros from the front: no more holes.
            may_be_hole = trim(file, &mut ranges)?;
        }
        for range in ranges.into_iter().rev() {
            if let Some(end) = content_end_in(file, range, &mut buffer)? {
                return Ok(end);
            }
        }
        end = begin;
    }
    Ok(0)
}

/// Takes from the end of the ranges what is a hole once nothing of it is cached, as reserved space
/// is; `false` if anything is left of them.
///
/// In small steps, and only then what is cached in one piece with it: what turns out to be no hole
/// must be read from the disk.
fn trim(file: &dyn StorageFile, ranges: &mut Vec<(u64, u64)>) -> io::Result<bool> {
    while let Some((from, to)) = ranges.pop() {
        let begin = from.max((to - 1) / BUFFER_LEN * BUFFER_LEN);
        file.drop_cache_exact(begin, to)?;
        let mut left = data(file, (begin, to))?;
        if let (Some(first), Some(last)) = (left.first(), left.last()) {
            file.drop_cache(first.0, last.1)?;
            left = data(file, (begin, to))?;
        }
        if begin > from {
            ranges.push((from, begin));
        }
        if !left.is_empty() {
            ranges.extend(left);
            return Ok(false);
        }
    }
    Ok(true)
}

/// The ranges of a part of the file that are no holes, in order.
fn data(file: &dyn StorageFile, (begin, end): (u64, u64)) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut at = begin;
    while at < end
        && let Some((from, to)) = file.next_data(at)?
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
        let begin = from.max((end - 1) / BUFFER_LEN * BUFFER_LEN);
        let len = len_usize(end - begin);
        let part = buffer.get_mut(..len).unwrap_or(&mut []);
        let count = file.read_at(part, begin)?;
        if let Some(len) = content_len(part.get(..count).unwrap_or(&[])) {
            let len = len_u64(len);
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
    while let Some(piece) = bytes.get(..end)?.rchunks(BLANK_PAGE.len()).next() {
        let before = end - piece.len();
        if BLANK_PAGE.get(..piece.len()) != Some(piece) {
            let last = piece.iter().rposition(|byte| *byte != 0)?;
            return Some(before + last + 1);
        }
        end = before;
    }
    None
}

/// Files up to this length are read rather than asked for holes that show only uncached.
const SMALL_LEN: u64 = 512 << 10;

/// What is asked for holes at once.
const LOOK_LEN: u64 = 2 << 20;

/// What is read at once, or forgotten.
const BUFFER_LEN: u64 = 256 << 10;
const BLANK_PAGE: [u8; 4096] = [0; 4096];

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;
    use crate::recovery::testing::MemoryStorage;
    use crate::storage::{FileIdentity, Lock, LockOutcome, Storage};

    /// A file that is reserved, of which a part was written, and zeros of more are cached.
    #[derive(Debug)]
    struct Reserved {
        content: u64,
        written: u64,
        cached: AtomicU64,
        /// How much of what was written was forgotten.
        forgotten: AtomicU64,
        read: AtomicU64,
    }

    impl StorageFile for Reserved {
        fn len(&self) -> io::Result<u64> {
            Ok(64 << 20)
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            buffer.fill(0);
            let last = self.content.checked_sub(1 + offset);
            let last = last.map(|last| usize::try_from(last).unwrap());
            if let Some(byte) = last.and_then(|last| buffer.get_mut(last)) {
                *byte = 1;
            }
            let len = u64::try_from(buffer.len()).unwrap();
            self.read.fetch_add(len, SeqCst);
            Ok(buffer.len())
        }

        fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
            let end = self.written.max(self.cached.load(SeqCst));
            Ok((offset < end).then_some((offset, end)))
        }

        fn drop_cache(&self, from: u64, to: u64) -> io::Result<()> {
            if to < self.cached.load(SeqCst) {
                assert!(to <= self.written);
            } else {
                self.cached.store(from, SeqCst);
                let written = self.written.saturating_sub(from);
                self.forgotten.fetch_max(written, SeqCst);
            }
            Ok(())
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn allocate(&self, _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn sync(&self, _: u64, _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn is_linked(&self) -> io::Result<bool> {
            unreachable!()
        }

        fn identity(&self) -> io::Result<FileIdentity> {
            unreachable!()
        }

        fn try_lock(&self, _: Lock) -> io::Result<LockOutcome> {
            unreachable!()
        }
    }

    #[test]
    fn cached_zeros_of_reserved_space_are_not_read_and_what_was_written_stays_cached() {
        for (content, written, cached) in [
            (1 << 20, 3 << 20, 24 << 20),
            (5 << 20, 9_200 << 10, 9_200 << 10),
            (4096, 8192, 64 << 20),
        ] {
            let file = Reserved {
                content,
                written,
                cached: AtomicU64::new(cached),
                forgotten: AtomicU64::new(0),
                read: AtomicU64::new(0),
            };
            assert_eq!(content_end(&file).unwrap(), content);
            let forgotten = file.forgotten.into_inner();
            assert!(forgotten <= BUFFER_LEN, "{forgotten}");
            let read = file.read.into_inner();
            let needed = written - content;
            assert!(read <= needed + 2 * BUFFER_LEN, "{read} for {needed}");
        }
    }

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
