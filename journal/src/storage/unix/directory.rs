//! A directory of the operating system, held open: whatever becomes of its path, every name is
//! looked up in this very directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::errno::is_any;
use super::own::look::{each_name, file_system, file_system_type, identity_of, sync};
use crate::seeded::{self, Bug};
use crate::storage::{Entry, FileIdentity, FileSystem, NameFacts, NameKind, retry};

/// A directory that is held open.
#[derive(Debug)]
pub(crate) struct Directory {
    dir: File,
    /// The file system does not sync directories.
    is_unsynced: AtomicBool,
    /// It cannot be told by the link count whether it is still there: it is always 0.
    is_uncounted: bool,
}

impl Directory {
    /// Opens a directory that exists.
    pub(crate) fn open(path: &Path) -> io::Result<Directory> {
        let flags = DIRECTORY | OFlags::RDONLY;
        Directory::held(retry(|| {
            Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
        })?)
    }

    /// Opens a directory, making it and what leads to it first where they are missing.
    ///
    /// Names made here are synced before this returns.
    pub(crate) fn create(path: &Path) -> io::Result<Directory> {
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

    /// The same directory, wherever it is by now.
    pub(crate) fn opened_again(&self) -> io::Result<Directory> {
        let flags = DIRECTORY | OFlags::RDONLY;
        Directory::held(retry(|| {
            Ok(rustix::fs::openat(&self.dir, ".", flags, Mode::empty())?)
        })?)
    }

    /// Which directory it is.
    pub(crate) fn own_identity(&self) -> io::Result<FileIdentity> {
        let facts = self.dir.metadata()?;
        Ok(FileIdentity {
            device: facts.dev(),
            inode: facts.ino(),
        })
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
    pub(crate) fn open_file(&self, name: &str, is_writable: bool) -> io::Result<File> {
        // A fifo with a segment's name must not hang the reader.
        let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
        let access = match is_writable {
            true => OFlags::RDWR,
            false => OFlags::RDONLY,
        };
        self.file(name, flags | access, Mode::empty())
    }

    /// Makes a new file that only its owner may read and write.
    pub(crate) fn create_file(&self, name: &str) -> io::Result<File> {
        let others = Mode::RGRP | Mode::ROTH;
        let mode = seeded::either(Bug::FilesForEverybody, others, Mode::empty());
        let mode = mode | Mode::RUSR | Mode::WUSR;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        self.file(name, flags, mode)
    }

    fn file(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        retry(|| Ok(rustix::fs::openat(&self.dir, name, flags, mode)?.into()))
    }

    /// All entries.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
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
    pub(crate) fn facts(&self, name: &str) -> io::Result<NameFacts> {
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
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
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
        each_name(again, &mut |name| match name == c"." || name == c".." {
            true => Ok(()),
            false => act(name),
        })
    }

    /// Gives a file a second name; where files can have only one, another one.
    pub(crate) fn link(&self, from: &str, to: &str) -> io::Result<()> {
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
        match renamed.map_err(io::Error::from) {
            Err(error) if is_any(&error, &CALL_UNKNOWN) => {}
            renamed => return renamed,
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
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.dir, name, AtFlags::empty())?)
    }

    /// Which file has this name.
    pub(crate) fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        identity_of(&self.dir, name)
    }

    /// When names were made or removed last, or anything else about it was changed.
    pub(crate) fn stamp(&self) -> io::Result<u64> {
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
    pub(crate) fn sync(&self) -> io::Result<()> {
        match sync(&self.dir) {
            Err(error) if !is_any(&error, &UNSYNCABLE) => Err(error),
            synced => {
                let is_synced = matches!(synced, Ok(true));
                self.is_unsynced.fetch_or(!is_synced, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Whether syncing it was found to do nothing.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.is_unsynced.load(Ordering::Relaxed)
    }

    /// Whether it still has a name somewhere, as far as its file system tells.
    pub(crate) fn is_linked(&self) -> io::Result<bool> {
        Ok(self.is_uncounted || rustix::fs::fstat(&self.dir)?.st_nlink > 0)
    }

    /// The number that tells the file system; 0 if the system does not say.
    pub(crate) fn file_system_type(&self) -> u64 {
        file_system_type(&self.dir)
    }

    /// Which file system it is on, of those that are told apart.
    pub(crate) fn file_system(&self) -> FileSystem {
        file_system(&self.dir)
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

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// What file systems without hard links say:
/// <https://man7.org/linux/man-pages/man2/link.2.html>.
const UNLINKABLE: [Errno; 7] = [
    Errno::PERM,
    Errno::OPNOTSUPP,
    Errno::NOTSUP,
    Errno::NOSYS,
    Errno::MLINK,
    Errno::INVAL,
    Errno::XDEV,
];

/// What those say that sync no directories:
/// <https://man7.org/linux/man-pages/man2/fsync.2.html>.
const UNSYNCABLE: [Errno; 4] = CALL_UNKNOWN;

/// What those say that do not know a call; the last two are one on Linux.
const CALL_UNKNOWN: [Errno; 4] = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DiskStorage, Storage};

    #[test]
    fn files_and_directories_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let storage = DiskStorage::create(&path).unwrap();
        Storage::create(&storage, "f").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("f")), 0o600);
    }

    #[test]
    fn a_directory_is_the_one_that_was_opened_whatever_becomes_of_its_path() {
        let root = tempfile::tempdir().unwrap();
        let (path, moved) = (root.path().join("a/b"), root.path().join("moved"));
        let storage = DiskStorage::create(&path).unwrap();
        Storage::create(&storage, "before").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        std::fs::create_dir(&path).unwrap();
        let made = Storage::create(&storage, "made").unwrap();
        storage.link("made", "linked").unwrap();
        assert_eq!(storage.link("made", "before").unwrap_err().kind(), TAKEN);
        storage.remove("made").unwrap();
        storage.sync_dir().unwrap();
        let mut names = storage.names().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["before", "linked"]);
        assert_eq!(storage.list().unwrap().len(), 2);
        assert_eq!(Storage::open(&storage, "linked").unwrap().len().unwrap(), 0);
        assert_eq!(std::fs::read_dir(&moved).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        let identity = storage.identity_of("linked").unwrap();
        assert_eq!(identity, made.identity().unwrap());
        assert_ne!(identity, storage.identity_of("before").unwrap());
        assert!(Storage::is_linked(&storage).unwrap());
        let gone = storage.identity_of("made").unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }

    const TAKEN: io::ErrorKind = io::ErrorKind::AlreadyExists;

    #[test]
    fn a_removed_directory_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("gone");
        let storage = DiskStorage::create(&path).unwrap();
        assert!(Storage::is_linked(&storage).unwrap());
        std::fs::remove_dir(&path).unwrap();
        assert!(!Storage::is_linked(&storage).unwrap());
    }
}
