//! The seam to the operating system: one directory of byte regions, locks, clocks, randomness.
//!
//! Everything the journal does to the outside goes through [`Storage`], so that a simulated disk
//! can stand in for it.

mod disk;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod facts;
#[cfg(any(test, not(target_os = "linux")))]
mod named;
pub(crate) mod own_process;
mod whole;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

pub use disk::DiskStorage;
pub(crate) use facts::PAGE_LEN;
pub use facts::{
    ClockReading, Durability, Entry, FileIdentity, FileSystem, Lock, LockOutcome, NameFacts,
    NameKind, ProcessFacts, ProcessState,
};
pub(crate) use system::{has_address_space, hold_back_signals};
#[doc(hidden)]
pub use whole::{read_whole, retry, write_whole};

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::format::Owner;

/// One directory, held open whatever becomes of its path, and what surrounds it.
pub trait Storage: fmt::Debug + Send + Sync {
    /// The directory, for messages.
    fn path(&self) -> &Path;

    /// All entries of the directory, in any order.
    fn list(&self) -> io::Result<Vec<Entry>>;

    /// What is under a name, without opening it: a regular file, unless the storage knows others.
    fn facts(&self, name: &str) -> io::Result<NameFacts> {
        let _ = name;
        Ok(NameFacts::default())
    }

    /// The names of all entries, in any order, without a look at each of them.
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.list()?.into_iter().map(|entry| entry.name).collect())
    }

    /// Makes a new, empty file only its owner can read and write; fails if the name is taken.
    /// The name is durable after [`sync_dir`](Storage::sync_dir).
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file for reading, syncing and locking.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file as [`open`](Storage::open) does, to sync parts of it: where it can be, no more
    /// than those.
    fn open_to_sync(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.open(name)
    }

    /// Opens a file as [`open`](Storage::open) does, and for writing: some file systems lock a file
    /// exclusively only for a process that may write it.
    fn open_to_lock(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.open(name)
    }

    /// Gives a file a second name, or, where files can have only one, another name in its place;
    /// fails if that name is taken.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Which file has a name: a symbolic link is one itself.
    fn identity_of(&self, name: &str) -> io::Result<FileIdentity>;

    /// A number that is another one after names were made or removed, as far as the file system
    /// tells times apart; `None` where it does not.
    fn stamp(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    /// Makes names made and removed so far durable.
    fn sync_dir(&self) -> io::Result<()>;

    /// Whether this is the process that opened the directory, not a fork of it.
    fn is_own_process(&self) -> bool {
        true
    }

    /// Whether the directory still has a name somewhere.
    fn is_linked(&self) -> io::Result<bool>;

    /// The longest a file may be now.
    fn file_len_max(&self) -> u64 {
        u64::MAX
    }

    /// What kind of file system the directory is on.
    fn file_system(&self) -> FileSystem;

    /// The number statfs(2) gives for that file system, 0 where it is not known.
    fn file_system_type(&self) -> u64 {
        0
    }

    /// What a successful sync is worth in this directory.
    fn durability(&self) -> Durability;

    /// The wall clock and the time since boot, read together.
    fn clocks(&self) -> ClockReading;

    /// A number that cannot be guessed.
    fn random(&self) -> u64;

    /// This process, as others may know it.
    fn process(&self) -> ProcessFacts;

    /// What became of a process of this boot and pid namespace.
    fn process_state(&self, owner: &Owner) -> ProcessState {
        let _ = owner;
        ProcessState::Unknown
    }
}

/// One file of the directory.
#[expect(
    clippy::len_without_is_empty,
    reason = "an empty file is nothing special"
)]
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Fills `buffer` from `offset` on as far as the file goes and says how far that was.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, or fails after having written any part of them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reserves space for the first `len` bytes, which become zeros, and makes the file that long;
    /// where space cannot be reserved the file is only made longer.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Maps the first `len` bytes, which the file has, for writing through memory.
    ///
    /// # Errors
    /// `Unsupported` where that cannot be done safely.
    fn map(&self, len: u64) -> io::Result<Arc<dyn MappedRegion>> {
        let _ = len;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes bytes `from..to`, and the file's length, durable.
    fn sync(&self, from: u64, to: u64) -> io::Result<()>;

    /// Whether the file system still keeps what it is given: it may have found an error in itself,
    /// after which syncs that ended well kept nothing. Asked behind a sync, of any file there.
    ///
    /// # Errors
    /// It keeps nothing any more, and perhaps did not keep what the last sync was for.
    fn confirm_sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The first range at or behind `offset` that may hold anything but zeros, `None` if there is
    /// none: everything in front of it is zeros on the disk, whatever is cached. Changes that were
    /// not synced count as data.
    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let len = self.len()?;
        Ok((offset < len).then_some((offset, len)))
    }

    /// Forgets cached bytes of `from..to` that are on the disk, and perhaps some around them, so
    /// that reading shows what the disk has.
    fn drop_cache(&self, from: u64, to: u64) -> io::Result<()>;

    /// Forgets cached bytes of `from..to` that are on the disk, as far as none around them are
    /// forgotten with them. Only speed depends on it.
    fn drop_cache_exact(&self, from: u64, to: u64) -> io::Result<()> {
        self.drop_cache(from, to)
    }

    /// Whether the file still has a name somewhere.
    fn is_linked(&self) -> io::Result<bool>;

    /// Which file it is, whatever its name.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Tries to take a lock on the file, without waiting; it is held until the file is dropped.
    fn try_lock(&self, lock: Lock) -> io::Result<LockOutcome>;
}

/// Bytes of a file that are written through memory: what is stored survives the process at once.
///
/// Offsets are multiples of 8. The caller gives each thread a range of its own to store into: two
/// stores into one place leave one of them there. Loads may run beside stores.
pub trait MappedRegion: fmt::Debug + Send + Sync {
    /// Copies `bytes` to `offset`, with zeros up to the next multiple of 8.
    fn write(&self, offset: u64, bytes: &[u8]);

    /// Stores a word, little-endian; a thread that sees it sees everything this thread copied
    /// before.
    fn commit(&self, offset: u64, word: u64);

    /// Copies `bytes` behind two words at `offset`, which are stored before them; then stores the
    /// third word instead of the first one: a thread that sees it sees the rest.
    fn write_frame(&self, offset: u64, [begun, second, first]: [u64; 3], bytes: &[u8]) {
        self.commit(offset + 8, second);
        self.commit(offset, begun);
        self.write(offset + 16, bytes);
        self.commit(offset, first);
    }

    /// The word at `offset`, and with it everything copied before it was committed.
    fn word(&self, offset: u64) -> u64;

    /// The words at `offset` and behind it, each `step` bytes after the one before, as
    /// [`word`](MappedRegion::word) gives them; reading several takes hardly longer than one.
    fn load_words(&self, offset: u64, step: u64, words: &mut [u64]) {
        let mut at = offset;
        for word in words {
            *word = self.word(at);
            at = at.saturating_add(step);
        }
    }

    /// Says that `from..to` is about to be synced and that no thread stores into it any more, so
    /// that the pages there need not be guarded one by one meanwhile. A thread that stores behind
    /// `to`, into the last of them, may take a little longer, as after a sync. Only speed depends
    /// on it.
    fn unmap_before_sync(&self, from: u64, to: u64) {
        let _ = (from, to);
    }

    /// Lets go of the file, which no thread stores into or reads through this region any more: what
    /// is stored nevertheless goes nowhere.
    fn detach(&self) {}

    /// Makes sure that storing into `from..to` cannot fail, which must be done anew after every
    /// sync: a page that was synced may need space again when it is next stored into.
    ///
    /// # Errors
    /// `StorageFull` if there is no space for it. Any other error says only that: a positioned
    /// write to the same place succeeds or says why not.
    fn make_writable(&self, from: u64, to: u64) -> io::Result<()>;
}
