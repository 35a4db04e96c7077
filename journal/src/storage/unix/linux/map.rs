//! Files mapped into memory: the one place with unsafe code.
//!
//! A mapping is only ever touched through atomic words, so that no use of it, however threads
//! meet in it, is undefined; what the words mean is the business of the threads that reserve them.
#![expect(
    unsafe_code,
    reason = "mapping a file and touching the mapping need it"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags};
use rustix::mm::{madvise, mmap, mmap_anonymous, msync, munmap};

use crate::storage::{MappedRegion, PAGE_LEN};

/// Address space that mappings have let go of, for those that come after them.
#[derive(Clone, Debug, Default)]
pub(super) struct AddressSpace(Arc<Mutex<Vec<Arc<AddressRange>>>>);

/// A part of the address space in which something is mapped at any time, whatever it is.
#[derive(Debug)]
struct AddressRange {
    base: NonNull<AtomicU64>,
    len: u64,
}

/// The first bytes of a file, mapped shared and writable.
#[derive(Debug)]
pub(super) struct MappedFile {
    /// Kept even when the file is not mapped any more: a late thread meets memory there.
    range: Arc<AddressRange>,
    /// Bytes mapped: a multiple of the page size, 0 after the file was let go.
    len: AtomicU64,
    space: AddressSpace,
}

// SAFETY: what is mapped in the range is memory as long as the range is not dropped, and is only
// accessed through shared references to atomic words.
unsafe impl Send for AddressRange {}
// SAFETY: as above; atomic words may be accessed from any number of threads.
unsafe impl Sync for AddressRange {}

impl AddressSpace {
    /// A range of at least `len` bytes, in which nothing that is needed is mapped.
    fn take(&self, len: u64) -> io::Result<Arc<AddressRange>> {
        {
            let mut free = self.lock();
            let fitting = (0_usize..).zip(free.iter()).filter(|(_, r)| r.len >= len);
            if let Some((place, _)) = fitting.min_by_key(|(_, range)| range.len) {
                return Ok(free.swap_remove(place));
            }
        }
        Ok(Arc::new(AddressRange::reserve(len)?))
    }

    fn give_back(&self, range: &Arc<AddressRange>) {
        self.lock().push(Arc::clone(range));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<AddressRange>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddressRange {
    /// Takes a new range out of the process's address space.
    fn reserve(len: u64) -> io::Result<AddressRange> {
        let size = usize::try_from(len).map_err(io::Error::other)?;
        // SAFETY: the kernel chooses the place, so no memory in use is replaced.
        let base =
            unsafe { mmap_anonymous(std::ptr::null_mut(), size, ProtFlags::empty(), NOTHING)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(AddressRange { base, len })
    }
}

/// Whether so much address space is left to the process, as its limit counts it.
///
/// # Errors
/// `OutOfMemory` if it is not.
pub(crate) fn has_address_space(len: u64) -> io::Result<()> {
    AddressRange::reserve(len).map(drop)
}

impl Drop for AddressRange {
    fn drop(&mut self) {
        if let Ok(size) = usize::try_from(self.len) {
            // SAFETY: the range was reserved with this size and nothing borrows from it any more.
            // A failure would leave it mapped, which is safe.
            let _ = unsafe { munmap(self.base.as_ptr().cast(), size) };
        }
    }
}

impl MappedFile {
    /// Maps the first `len` bytes of a file that is at least that long.
    pub(super) fn new(file: &File, len: u64, space: &AddressSpace) -> io::Result<MappedFile> {
        let size = usize::try_from(len).map_err(io::Error::other)?;
        if size == 0 || !len.is_multiple_of(PAGE_LEN) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let range = space.take(len)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let place: *mut c_void = range.base.as_ptr().cast();
        // SAFETY: the place lies in a range that is ours and in which nothing is needed; what was
        // mapped there is replaced in one step.
        unsafe {
            let flags = MapFlags::SHARED | MapFlags::FIXED;
            mmap(place, size, access, flags, file, 0)?
        };
        // Else a fault also makes pages behind the one it is for, before their turn:
        // https://man7.org/linux/man-pages/man2/madvise.2.html
        // SAFETY: the range was just mapped; advice changes no byte of it.
        let _ = unsafe { madvise(place, size, Advice::Random) };
        Ok(MappedFile {
            range,
            len: AtomicU64::new(len),
            space: space.clone(),
        })
    }

    fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// The place of a word in memory, as the kernel's calls take it; `None` outside the range.
    fn place(&self, offset: u64) -> Option<*mut c_void> {
        if offset > self.range.len {
            return None;
        }
        let index = usize::try_from(offset / WORD_LEN).ok()?;
        // SAFETY: the word lies inside the range, or right behind it.
        let word = unsafe { self.range.base.add(index) };
        Some(word.as_ptr().cast())
    }

    /// Makes bytes `from..to` durable, and what it takes to read them back, as `fdatasync` does
    /// for a whole file: <https://man7.org/linux/man-pages/man2/msync.2.html>. `None`, and nothing
    /// is done, if they are not all mapped.
    pub(super) fn sync(&self, from: u64, to: u64) -> Option<io::Result<()>> {
        let from = from - from % PAGE_LEN;
        let to = to.checked_next_multiple_of(PAGE_LEN)?;
        if from >= to || to > self.len() {
            return None;
        }
        let start = self.place(from)?;
        let len = usize::try_from(to - from).ok()?;
        loop {
            // SAFETY: the range lies inside the mapping; syncing changes no byte of it.
            let synced = unsafe { msync(start, len, MsyncFlags::SYNC) };
            match synced {
                Err(Errno::INTR) => {}
                other => return Some(other.map_err(Into::into)),
            }
        }
    }

    /// The words that `len` bytes at `offset` touch; `None` if any is outside the mapping, or
    /// `offset` between two words.
    fn words_at(&self, offset: u64, len: usize) -> Option<&[AtomicU64]> {
        let count = len.div_ceil(8);
        let bytes = u64::try_from(count).ok()?.checked_mul(WORD_LEN)?;
        if !offset.is_multiple_of(WORD_LEN) || offset.checked_add(bytes)? > self.len() {
            return None;
        }
        let index = usize::try_from(offset / WORD_LEN).ok()?;
        // SAFETY: the words lie next to each other inside the range, which lives as long as
        // `self`; the base is aligned to a page and so each word to its size; all access is
        // atomic.
        Some(unsafe { std::slice::from_raw_parts(self.range.base.add(index).as_ptr(), count) })
    }

    fn word_at(&self, offset: u64) -> Option<&AtomicU64> {
        self.words_at(offset, 8)?.first()
    }
}

/// Copies bytes into words, with zeros behind them in the last one.
fn fill(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    for (word, chunk) in words.iter().zip(whole) {
        word.store(u64::from_le_bytes(*chunk).to_le(), Ordering::Relaxed);
    }
    if let Some(last) = words.get(whole.len()) {
        // So few that a call to copy them takes longer.
        let padded = rest.iter().rev();
        let padded = padded.fold(0, |word, byte| (word << 8) | u64::from(*byte));
        last.store(padded.to_le(), Ordering::Relaxed);
    }
}

impl MappedRegion for MappedFile {
    fn write(&self, offset: u64, bytes: &[u8]) {
        let found = self.words_at(offset, bytes.len());
        debug_assert!(found.is_some(), "{} bytes at {offset}", bytes.len());
        if let Some(words) = found {
            fill(words, bytes);
        }
    }

    fn write_frame(&self, offset: u64, [begun, second, first]: [u64; 3], bytes: &[u8]) {
        let found = self.words_at(offset, bytes.len() + 16);
        debug_assert!(found.is_some(), "{} bytes at {offset}", bytes.len() + 16);
        if let Some([commit, other, rest @ ..]) = found {
            other.store(second.to_le(), Ordering::Relaxed);
            commit.store(begun.to_le(), Ordering::Release);
            // A kill of the process between two stores finds those before it done: so the
            // compiler must leave them in this order.
            compiler_fence(Ordering::SeqCst);
            fill(rest, bytes);
            commit.store(first.to_le(), Ordering::Release);
        }
    }

    fn commit(&self, offset: u64, word: u64) {
        let found = self.word_at(offset);
        debug_assert!(found.is_some(), "{offset} of {}", self.len());
        if let Some(found) = found {
            found.store(word.to_le(), Ordering::Release);
        }
    }

    fn word(&self, offset: u64) -> u64 {
        self.word_at(offset)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    fn load_words(&self, offset: u64, step: u64, words: &mut [u64]) {
        let mut at = offset;
        for word in words {
            *word = self.word(at);
            at = at.saturating_add(step);
        }
    }

    fn unmap_before_sync(&self, from: u64, to: u64) {
        let from = from / PAGE_LEN * PAGE_LEN;
        let whole = to.min(self.len()) / PAGE_LEN * PAGE_LEN;
        // A thread may store into the last page: a long sync gets to it only after they have left.
        let to = match whole.saturating_sub(from) {
            0..SHORT_SYNC => to.next_multiple_of(PAGE_LEN).min(self.len()),
            _ => whole,
        };
        let (Some(start), Some(len)) = (self.place(from), to.checked_sub(from)) else {
            return;
        };
        let Ok(len) = usize::try_from(len) else {
            return;
        };
        // Pages of a shared mapping that are dropped keep their bytes in the page cache; a sync
        // then has no mapping of them to write-protect, which interrupts every processor once a
        // page: https://man7.org/linux/man-pages/man2/madvise.2.html
        // Dropping interrupts them once, so a single page is as well off without.
        if to - from <= PAGE_LEN {
            return;
        }
        // SAFETY: the range lies inside the mapping, whose bytes do not change by this.
        let _ = unsafe { madvise(start, len, Advice::LinuxDontNeed) };
    }

    fn detach(&self) {
        let was = self.len.swap(0, Ordering::AcqRel);
        let Ok(size) = usize::try_from(self.range.len) else {
            return;
        };
        if was == 0 {
            return;
        }
        let place: *mut c_void = self.range.base.as_ptr().cast();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the range is ours, and the file in it is replaced by empty memory in one step:
        // a thread that still has words of it has memory.
        let replaced = unsafe { mmap_anonymous(place, size, access, NOTHING | MapFlags::FIXED) };
        // Else the file stays mapped until the range is dropped.
        if replaced.is_ok() {
            self.space.give_back(&self.range);
        }
    }

    fn make_writable(&self, from: u64, to: u64) -> io::Result<()> {
        let from = from - from % PAGE_LEN;
        let to = to.next_multiple_of(PAGE_LEN).min(self.len());
        if from >= to {
            return Ok(());
        }
        let start = self.place(from).ok_or(io::ErrorKind::InvalidInput)?;
        let len = usize::try_from(to - from).map_err(io::Error::other)?;
        loop {
            // SAFETY: the range lies inside the mapping; populating changes no byte of it.
            let populated = unsafe { madvise(start, len, Advice::LinuxPopulateWrite) };
            match populated {
                Err(Errno::INTR) => {}
                // EFAULT where a store would raise SIGBUS, whatever the reason for that is:
                // https://man7.org/linux/man-pages/man2/madvise.2.html
                other => return Ok(other?),
            }
        }
    }
}

/// A word of this process that the kernel sets to 0 in every fork of it; there is one, mapped at
/// the first call, and it stays.
///
/// <https://man7.org/linux/man-pages/man2/madvise.2.html>, `MADV_WIPEONFORK`.
pub(crate) fn wiped_word() -> io::Result<&'static AtomicU64> {
    // No lock and nothing that is made once: a fork while another thread is at it would wait for
    // that thread in the child, where it is not.
    static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
    let mut word = WORD.load(Ordering::Acquire);
    if word.is_null() {
        let made = map_wiped()?;
        let order = (Ordering::AcqRel, Ordering::Acquire);
        word = match WORD.compare_exchange(word, made, order.0, order.1) {
            Ok(_) => made,
            Err(known) => {
                unmap_wiped(made);
                known
            }
        };
    }
    // SAFETY: the page stays mapped for as long as the process runs, is aligned, and all access is
    // atomic.
    Ok(unsafe { &*word })
}

fn map_wiped() -> io::Result<*mut AtomicU64> {
    let size = usize::try_from(PAGE_LEN).map_err(io::Error::other)?;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place, so no memory in use is replaced.
    let base = unsafe { mmap_anonymous(std::ptr::null_mut(), size, access, MapFlags::PRIVATE)? };
    // SAFETY: the page was just mapped; wiping it in children is the point.
    if let Err(error) = unsafe { madvise(base, size, Advice::LinuxWipeOnFork) } {
        unmap_wiped(base.cast());
        return Err(error.into());
    }
    Ok(base.cast())
}

fn unmap_wiped(base: *mut AtomicU64) {
    if let Ok(size) = usize::try_from(PAGE_LEN) {
        // SAFETY: the page was mapped with this size, and no other thread knows of it.
        let _ = unsafe { munmap(base.cast(), size) };
    }
}

/// Memory that counts for nothing until it is touched.
const NOTHING: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);
const WORD_LEN: u64 = 8;

/// What the callers of one sync have written.
const SHORT_SYNC: u64 = 8 * PAGE_LEN;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_copied_and_committed_is_in_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let region = MappedFile::new(&file, 8192, &AddressSpace::default()).unwrap();
        region.make_writable(4000, 5000).unwrap();
        region.write(4104, b"eleven byte");
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
        let region = MappedFile::new(&file, 4096, &AddressSpace::default()).unwrap();
        assert_eq!(region.word(4096), 0);
        assert_eq!(region.word(u64::MAX - 7), 0);
        assert_eq!(region.word(3), 0);
        assert!(region.words_at(4088, 9).is_none());
        assert!(MappedFile::new(&file, 100, &AddressSpace::default()).is_err());
    }

    #[test]
    fn a_file_that_was_let_go_is_not_touched_again_and_makes_room_for_the_next() {
        let space = AddressSpace::default();
        let files = [(); 2].map(|()| {
            let file = tempfile::tempfile().unwrap();
            file.set_len(8192).unwrap();
            file
        });
        let first = MappedFile::new(&files[0], 8192, &space).unwrap();
        first.commit(4096, 1);
        let late = first.words_at(4096, 8).unwrap();
        first.detach();
        assert_eq!(first.word(4096), 0);
        first.make_writable(0, 8192).unwrap();
        assert!(first.sync(0, 8192).is_none());
        // Memory, and not the file's.
        late[0].store(7, Ordering::Relaxed);
        let second = MappedFile::new(&files[1], 4096, &space).unwrap();
        assert_eq!(second.range.base, first.range.base);
        first.detach();
        second.commit(0, 2);
        let word = |file: &File, offset| {
            let mut read = [0; 8];
            file.read_exact_at(&mut read, offset).unwrap();
            u64::from_le_bytes(read)
        };
        assert_eq!((word(&files[0], 4096), word(&files[1], 0)), (1, 2));
    }
}
