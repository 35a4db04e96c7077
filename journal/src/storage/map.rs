//! Files mapped into memory: the one place with unsafe code.
//!
//! A mapping is only ever touched through atomic words, so that no use of it, however threads
//! meet in it, is undefined; what the words mean is the business of those who reserve them.
#![expect(
    unsafe_code,
    reason = "mapping a file and touching the mapping need it"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags};
use rustix::mm::{madvise, mmap, mmap_anonymous, msync, munmap};

use super::Region;

/// The first bytes of a file, mapped shared and writable.
#[derive(Debug)]
pub(super) struct MappedFile {
    base: NonNull<AtomicU64>,
    /// Bytes mapped: a multiple of the page size.
    len: u64,
}

// SAFETY: the mapping belongs to this value alone until it is dropped, and is only accessed
// through shared references to atomic words.
unsafe impl Send for MappedFile {}
// SAFETY: as above; atomic words may be accessed from any number of threads.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    /// Maps the first `len` bytes of a file that is at least that long.
    pub(super) fn new(file: &File, len: u64) -> io::Result<MappedFile> {
        let size = usize::try_from(len).map_err(io::Error::other)?;
        if size == 0 || !len.is_multiple_of(PAGE_LEN) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so no memory in use is replaced.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                size,
                access,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(MappedFile { base, len })
    }

    /// Makes bytes `from..to` durable, and what it takes to read them back, as `fdatasync` does
    /// for a whole file: <https://man7.org/linux/man-pages/man2/msync.2.html>. `None`, and nothing
    /// is done, if they are not all mapped.
    pub(super) fn sync(&self, from: u64, to: u64) -> Option<io::Result<()>> {
        let from = from - from % PAGE_LEN;
        let to = to.checked_next_multiple_of(PAGE_LEN)?;
        if from >= to || to > self.len {
            return None;
        }
        let index = usize::try_from(from / WORD_LEN).ok()?;
        let len = usize::try_from(to - from).ok()?;
        loop {
            // SAFETY: the range lies inside the mapping; syncing changes no byte of it.
            let synced = unsafe {
                let start: *mut c_void = self.base.add(index).as_ptr().cast();
                msync(start, len, MsyncFlags::SYNC)
            };
            match synced {
                Err(Errno::INTR) => {}
                other => return Some(other.map_err(Into::into)),
            }
        }
    }

    /// The word at a byte offset; `None` outside the mapping or between two words.
    fn word_at(&self, offset: u64) -> Option<&AtomicU64> {
        let end = offset.checked_add(WORD_LEN)?;
        if !offset.is_multiple_of(WORD_LEN) || end > self.len {
            return None;
        }
        let index = usize::try_from(offset / WORD_LEN).ok()?;
        // SAFETY: the word lies inside the mapping, which lives as long as `self`; the base is
        // aligned to a page and so the word to its size; all access is atomic.
        Some(unsafe { self.base.add(index).as_ref() })
    }

    /// The words that `len` bytes at `offset` touch; `None` if any is outside the mapping.
    fn words_at(&self, offset: u64, len: usize) -> Option<&[AtomicU64]> {
        let count = len.div_ceil(8);
        let bytes = u64::try_from(count).ok()?.checked_mul(WORD_LEN)?;
        if !offset.is_multiple_of(WORD_LEN) || offset.checked_add(bytes)? > self.len {
            return None;
        }
        let index = usize::try_from(offset / WORD_LEN).ok()?;
        // SAFETY: as in `word_at`, for all of the words, which lie next to each other.
        Some(unsafe { std::slice::from_raw_parts(self.base.add(index).as_ptr(), count) })
    }
}

impl Region for MappedFile {
    fn copy(&self, offset: u64, bytes: &[u8]) {
        let Some(words) = self.words_at(offset, bytes.len()) else {
            debug_assert!(false, "{} bytes at {offset} of {}", bytes.len(), self.len);
            return;
        };
        let (whole, rest) = bytes.as_chunks::<8>();
        for (word, chunk) in words.iter().zip(whole) {
            word.store(u64::from_le_bytes(*chunk).to_le(), Ordering::Relaxed);
        }
        if let Some(last) = words.get(whole.len()) {
            let mut padded = [0; 8];
            padded
                .iter_mut()
                .zip(rest)
                .for_each(|(to, from)| *to = *from);
            last.store(u64::from_le_bytes(padded).to_le(), Ordering::Relaxed);
        }
    }

    fn commit(&self, offset: u64, word: u64) {
        let found = self.word_at(offset);
        debug_assert!(found.is_some(), "{offset} of {}", self.len);
        if let Some(found) = found {
            found.store(word.to_le(), Ordering::Release);
        }
    }

    fn word(&self, offset: u64) -> u64 {
        self.word_at(offset)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    fn release(&self, from: u64, to: u64) {
        let from = from.next_multiple_of(PAGE_LEN);
        let to = to.min(self.len) / PAGE_LEN * PAGE_LEN;
        let (Ok(index), Some(len)) = (usize::try_from(from / WORD_LEN), to.checked_sub(from))
        else {
            return;
        };
        let Ok(len) = usize::try_from(len) else {
            return;
        };
        // Pages of a shared mapping that are dropped keep their bytes in the page cache; a sync
        // then has no mapping of them to write-protect, which interrupts every processor once a
        // page: https://man7.org/linux/man-pages/man2/madvise.2.html
        // SAFETY: the range lies inside the mapping, whose bytes do not change by this.
        let _ = unsafe {
            let start: *mut c_void = self.base.add(index).as_ptr().cast();
            madvise(start, len, Advice::LinuxDontNeed)
        };
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        let from = from - from % PAGE_LEN;
        let to = to.next_multiple_of(PAGE_LEN).min(self.len);
        if from >= to {
            return Ok(());
        }
        let index = usize::try_from(from / WORD_LEN).map_err(io::Error::other)?;
        let len = usize::try_from(to - from).map_err(io::Error::other)?;
        loop {
            // SAFETY: the range lies inside the mapping; populating changes no byte of it.
            let populated = unsafe {
                let start: *mut c_void = self.base.add(index).as_ptr().cast();
                madvise(start, len, Advice::LinuxPopulateWrite)
            };
            match populated {
                Err(Errno::INTR) => {}
                // Where a store would raise SIGBUS the call says EFAULT:
                // https://man7.org/linux/man-pages/man2/madvise.2.html
                Err(Errno::FAULT) => return Err(io::ErrorKind::StorageFull.into()),
                other => return Ok(other?),
            }
        }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        if let Ok(size) = usize::try_from(self.len) {
            // SAFETY: the mapping was made with this size and nothing borrows from it any more.
            // A failure would leave it mapped, which is safe.
            let _ = unsafe { munmap(self.base.as_ptr().cast(), size) };
        }
    }
}

/// Tells a process from its forks: a page that the kernel wipes in every child.
#[derive(Debug)]
pub(super) struct ForkGuard {
    /// 1 in the process that made it, 0 in its forks.
    mark: NonNull<AtomicU64>,
}

// SAFETY: the page belongs to this value alone and is only read, atomically, after it was made.
unsafe impl Send for ForkGuard {}
// SAFETY: as above.
unsafe impl Sync for ForkGuard {}

impl ForkGuard {
    pub(super) fn new() -> io::Result<ForkGuard> {
        let size = usize::try_from(PAGE_LEN).map_err(io::Error::other)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so no memory in use is replaced.
        let base =
            unsafe { mmap_anonymous(std::ptr::null_mut(), size, access, MapFlags::PRIVATE)? };
        let mark: NonNull<AtomicU64> =
            NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let guard = ForkGuard { mark };
        // SAFETY: the page was just mapped; wiping it in children is the point.
        unsafe { madvise(base, size, Advice::LinuxWipeOnFork)? };
        guard.word().store(1, Ordering::SeqCst);
        Ok(guard)
    }

    /// Whether this is the process that made the guard.
    pub(super) fn is_own_process(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 1
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: the page lives as long as `self`, is aligned, and all access is atomic.
        unsafe { self.mark.as_ref() }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        if let Ok(size) = usize::try_from(PAGE_LEN) {
            // SAFETY: the page was mapped with this size and nothing borrows from it any more.
            let _ = unsafe { munmap(self.mark.as_ptr().cast(), size) };
        }
    }
}

const WORD_LEN: u64 = 8;
/// Offsets are rounded to this; a multiple of it is a multiple of every smaller page size too.
const PAGE_LEN: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_copied_and_committed_is_in_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let region = MappedFile::new(&file, 8192).unwrap();
        region.make_writable(4000, 5000).unwrap();
        region.copy(4104, b"eleven byte");
        region.commit(4096, 0x1122_3344_5566_7788);
        assert_eq!(region.word(4096), 0x1122_3344_5566_7788);
        let mut read = [9; 24];
        file.read_exact_at(&mut read, 4096).unwrap();
        assert_eq!(
            read,
            *b"\x88\x77\x66\x55\x44\x33\x22\x11eleven byte\0\0\0\0\0"
        );
    }

    #[test]
    fn places_outside_the_mapping_are_never_touched() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let region = MappedFile::new(&file, 4096).unwrap();
        assert_eq!(region.word(4096), 0);
        assert_eq!(region.word(u64::MAX - 7), 0);
        assert_eq!(region.word(3), 0);
        assert!(region.words_at(4088, 9).is_none());
        assert!(MappedFile::new(&file, 100).is_err());
    }

    #[test]
    fn the_process_that_made_the_guard_is_its_own() {
        assert!(ForkGuard::new().unwrap().is_own_process());
    }
}
