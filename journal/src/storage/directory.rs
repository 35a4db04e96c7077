//! A directory of the operating system, held open: whatever becomes of its path, every name is
//! looked up in this very directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::AsFd;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, RenameFlags, Stat, Statx, StatxFlags,
};
use rustix::io::Errno;

use super::{Entry, FileIdentity, FileSystem, NameFacts, NameKind, retry};

/// A directory that is held open.
#[derive(Debug)]
pub(super) struct Directory {
    dir: File,
    /// The file system does not sync directories.
    is_unsynced: AtomicBool,
    /// It cannot be told by the link count whether it is still there: it is always 0.
    is_uncounted: bool,
}

impl Directory {
    /// Opens a directory that exists.
    pub(super) fn open(path: &Path) -> io::Result<Directory> {
        let flags = DIRECTORY | OFlags::RDONLY;
        Directory::held(retry(|| {
            Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
        })?)
    }

    /// Opens a directory, making it and what leads to it first where they are missing.
    ///
    /// Names made here are synced before this returns.
    pub(super) fn create(path: &Path) -> io::Result<Directory> {
        let mut missing = Vec::new();
        let mut existing = path;
        while !existing.as_os_str().is_empty() && !existing.try_exists()? {
            missing.extend(existing.components().next_back());
            existing = existing.parent().unwrap_or(Path::new(""));
        }
        if existing.as_os_str().is_empty() {
            existing = Path::new(".");
        }
        let mut directory = Directory::open(existing)?;
        for name in missing.into_iter().rev() {
            directory = directory.make(name)?;
        }
        Ok(directory)
    }

    fn held(dir: impl Into<File>) -> io::Result<Directory> {
        let dir = dir.into();
        let links = rustix::fs::fstat(&dir)?.st_nlink;
        Ok(Directory {
            dir,
            is_unsynced: AtomicBool::new(false),
            is_uncounted: links == 0,
        })
    }

    /// Makes a directory in this one for its owner only, and opens it; one that appeared
    /// meanwhile will do.
    fn make(&self, name: Component<'_>) -> io::Result<Directory> {
        let name = name.as_os_str();
        match rustix::fs::mkdirat(&self.dir, name, Mode::RWXU) {
            Err(error) if error != Errno::EXIST => return Err(error.into()),
            _ => {}
        }
        let flags = DIRECTORY | OFlags::RDONLY;
        let dir = rustix::fs::openat(&self.dir, name, flags, Mode::empty())?;
        self.sync()?;
        Directory::held(dir)
    }

    /// Opens a file.
    pub(super) fn open_file(&self, name: &str, is_writable: bool) -> io::Result<File> {
        // A fifo with a segment's name must not hang the reader.
        let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
        let access = match is_writable {
            true => OFlags::RDWR,
            false => OFlags::RDONLY,
        };
        self.file(name, flags | access, Mode::empty())
    }

    /// Makes a new file of this mode.
    pub(super) fn create_file(&self, name: &str, mode: Mode) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        self.file(name, flags, mode)
    }

    fn file(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        retry(|| Ok(rustix::fs::openat(&self.dir, name, flags, mode)?.into()))
    }

    /// All entries.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each(&mut |name| {
            // The entry itself is meant, not what a symbolic link leads to.
            match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => entries.push(entry(name, &facts)),
                // The name vanished meanwhile.
                Err(Errno::NOENT) => {}
                // The caller that opens it is told why it cannot be looked at; that hides no other.
                Err(_) => entries.push(Entry {
                    name: name.to_string_lossy().into_owned(),
                    len: 0,
                    is_file: false,
                }),
            }
            Ok(())
        })?;
        Ok(entries)
    }

    /// What is under a name, which is not opened: that may change what it is.
    pub(super) fn facts(&self, name: &str) -> io::Result<NameFacts> {
        let own = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !FileType::from_raw_mode(own.st_mode).is_symlink() {
            let (link, kind) = (None, kind(&own));
            return Ok(NameFacts { link, kind });
        }
        let link = rustix::fs::readlinkat(&self.dir, name, Vec::new())?;
        let link = Some(link.to_string_lossy().into_owned());
        let kind = match rustix::fs::statat(&self.dir, name, AtFlags::empty()) {
            Ok(facts) => kind(&facts),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => NameKind::Nothing,
            Err(error) => return Err(error.into()),
        };
        Ok(NameFacts { link, kind })
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.each(&mut |name| {
            names.push(name.to_string_lossy().into_owned());
            Ok(())
        })?;
        Ok(names)
    }

    /// Calls `act` with the name of each entry.
    fn each(&self, act: &mut dyn FnMut(&std::ffi::CStr) -> io::Result<()>) -> io::Result<()> {
        // How far a listing came belongs to the opening, and there may be several at once.
        let again = rustix::fs::openat(&self.dir, ".", DIRECTORY, Mode::empty())?;
        let mut buffer = Vec::with_capacity(LISTED_AT_ONCE);
        let mut entries = RawDir::new(again, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                act(name)?;
            }
        }
        Ok(())
    }

    /// Gives a file a second name; where files can have only one, another one.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let linked = retry(|| {
            let linked = rustix::fs::linkat(&self.dir, from, &self.dir, to, AtFlags::empty());
            Ok(linked?)
        });
        match linked {
            Err(error) if is_any(&error, &UNLINKABLE) => self.rename(from, to).or(Err(error)),
            // Linux gives no second name to a file whose file system counts none for it.
            Err(error) if is_any(&error, &[Errno::NOENT]) => self.rename(from, to).or(Err(error)),
            linked => linked,
        }
    }

    /// Gives a file another name, which must be free.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let no_other = RenameFlags::NOREPLACE;
        let renamed = rustix::fs::renameat_with(&self.dir, from, &self.dir, to, no_other);
        match renamed {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
        // A file that takes the name between these two calls is lost, as never happens: the names
        // that are asked for here are one process's own.
        match self.identity_of(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(rustix::fs::renameat(&self.dir, from, &self.dir, to)?)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the name of a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.dir, name, AtFlags::empty())?)
    }

    /// Which file has this name.
    pub(super) fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        let facts = look(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(identity(&facts))
    }

    /// When names were made or removed last, or anything else about it was changed.
    pub(super) fn stamp(&self) -> io::Result<u64> {
        let facts = self.dir.metadata()?;
        let times = [
            facts.mtime(),
            facts.mtime_nsec(),
            facts.ctime(),
            facts.ctime_nsec(),
        ];
        // Which is later does not matter, only whether any is another one.
        Ok(times.iter().fold(0, |sum: u64, time| {
            sum.wrapping_mul(crate::hash::GOLDEN)
                .wrapping_add(time.unsigned_abs())
        }))
    }

    /// Makes names made and removed so far durable, where the file system can do that.
    pub(super) fn sync(&self) -> io::Result<()> {
        match retry(|| self.dir.sync_all()) {
            Err(error) if is_any(&error, &UNSYNCABLE) => {
                self.is_unsynced.store(true, Ordering::Relaxed);
                Ok(())
            }
            synced => synced,
        }
    }

    /// Whether syncing it was found to do nothing.
    pub(super) fn is_unsynced(&self) -> bool {
        self.is_unsynced.load(Ordering::Relaxed)
    }

    /// Whether it still has a name somewhere, as far as its file system tells.
    pub(super) fn is_linked(&self) -> io::Result<bool> {
        Ok(self.is_uncounted || rustix::fs::fstat(&self.dir)?.st_nlink > 0)
    }

    /// The number that tells the file system; 0 if the system does not say.
    pub(super) fn file_system_type(&self) -> u64 {
        let facts = rustix::fs::fstatfs(&self.dir).ok();
        let number = facts.and_then(|facts| u64::try_from(facts.f_type).ok());
        number.unwrap_or(0)
    }

    /// Tells the file system by the magic number statfs gives:
    /// <https://man7.org/linux/man-pages/man2/statfs.2.html>.
    pub(super) fn file_system(&self) -> FileSystem {
        match self.file_system_type() {
            0xEF53 => FileSystem::Ext4,
            0x5846_5342 => FileSystem::Xfs,
            0x9123_683E => FileSystem::Btrfs,
            number if FileSystem::is_memory(number) => FileSystem::Memory,
            _ => FileSystem::Other,
        }
    }
}

/// Looks at a file for what does not change with each write.
///
/// Its times are not asked for: a file whose times were looked at gets finer ones at its next
/// write, so that the sync behind that writes the inode, too, which takes half as long again:
/// <https://docs.kernel.org/filesystems/multigrain-ts.html>.
pub(super) fn look(dir: impl AsFd, name: &str, flags: AtFlags) -> io::Result<Statx> {
    let mask = StatxFlags::INO | StatxFlags::SIZE | StatxFlags::TYPE;
    retry(|| Ok(rustix::fs::statx(&dir, name, flags, mask)?))
}

/// Which file it is whose facts these are.
pub(super) fn identity(facts: &Statx) -> FileIdentity {
    FileIdentity {
        device: rustix::fs::makedev(facts.stx_dev_major, facts.stx_dev_minor),
        inode: facts.stx_ino,
    }
}

fn kind(facts: &Stat) -> NameKind {
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => NameKind::File,
        FileType::Directory => NameKind::Directory,
        FileType::Fifo => NameKind::Fifo,
        FileType::Socket => NameKind::Socket,
        _ => NameKind::Device,
    }
}

fn entry(name: &std::ffi::CStr, facts: &Stat) -> Entry {
    let is_file = FileType::from_raw_mode(facts.st_mode).is_file();
    let len = u64::try_from(facts.st_size).unwrap_or(0);
    Entry {
        name: name.to_string_lossy().into_owned(),
        len: if is_file { len } else { 0 },
        is_file,
    }
}

pub(super) fn is_any(error: &io::Error, errnos: &[Errno]) -> bool {
    let is = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
    errnos.iter().any(is)
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Bytes of entries asked for with one call.
const LISTED_AT_ONCE: usize = 64 << 10;

/// What file systems without hard links say:
/// <https://man7.org/linux/man-pages/man2/link.2.html>.
const UNLINKABLE: [Errno; 6] = [
    Errno::PERM,
    Errno::OPNOTSUPP,
    Errno::NOSYS,
    Errno::MLINK,
    Errno::INVAL,
    Errno::XDEV,
];

/// What those say that sync no directories:
/// <https://man7.org/linux/man-pages/man2/fsync.2.html>.
const UNSYNCABLE: [Errno; 3] = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
