//! What is known of files, processes and the system, in words that every system has.

use crate::time::Timestamp;
use crate::words::shown_words;

/// Bytes of a page, which the system maps, keeps cached and writes at once. A multiple of it is one
/// of every smaller page size, too.
pub(crate) const PAGE_LEN: u64 = 4096;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; names that are not UTF-8 are given with replacement characters.
    pub name: String,
    /// Its length in bytes, 0 for what is not a regular file.
    pub len: u64,
    /// Whether it is a regular file.
    pub is_file: bool,
}

/// Which file of the system a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The number of the device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// What is under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFacts {
    /// Where it leads, if it is a symbolic link.
    pub link: Option<String>,
    /// What it is, or what the link leads to.
    pub kind: NameKind,
}

/// Kinds of what names stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameKind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Nothing: a symbolic link that leads nowhere.
    Nothing,
}

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// With any number of other shared locks.
    Shared,
    /// Alone.
    Exclusive,
}

/// What became of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// The lock is held now.
    Held,
    /// Another process holds a lock that excludes it.
    Contended,
    /// Locks do not work here.
    Unsupported,
}

/// The kinds of file systems the journal tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileSystem {
    /// ext2, ext3 or ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// APFS, on macOS.
    Apfs,
    /// HFS+, on macOS.
    Hfs,
    /// NTFS, on Windows.
    Ntfs,
    /// ReFS, on Windows.
    Refs,
    /// tmpfs or ramfs: in memory.
    Memory,
    /// Any other, network file systems included.
    Other,
}

impl FileSystem {
    /// Whether this number of statfs(2) is that of one in memory.
    pub(crate) fn is_memory(number: u64) -> bool {
        matches!(number, TMPFS | RAMFS)
    }

    /// Whether this number is marked as that of one which other machines mount, too.
    pub(crate) fn is_remote(number: u64) -> bool {
        number & REMOTE_MARK != 0
    }
}

/// A bit of no number that statfs(2) gives.
pub(super) const REMOTE_MARK: u64 = 1 << 63;

const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58F6;

/// What a successful sync is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Synced bytes survive power loss, on honest storage.
    Disk,
    /// Nothing survives power loss: the file system is in memory.
    None,
    /// Not known: a network or other file system whose syncs cannot be judged from here.
    Unknown,
}

shown_words!(Durability: "durability", {
    Disk => "disk",
    None => "none",
    Unknown => "unknown",
});

/// Two clocks read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Nanoseconds since boot, sleep included; 0 where unknown.
    pub boot_nanoseconds: u64,
}

/// What tells a process from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot; 0 where unknown.
    pub started: u64,
    /// The machine's name; empty where unknown.
    pub host: String,
    /// The boot the machine is in; empty where unknown.
    pub boot_id: String,
    /// Inode of its pid namespace; 0 where unknown.
    pub pid_namespace: u64,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It is there.
    Running,
    /// It has ended, or its number is another's now.
    Gone,
    /// That cannot be found out.
    Unknown,
}
