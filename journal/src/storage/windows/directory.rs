//! A directory of Windows, held open: no process can rename or remove it meanwhile, nor any of
//! those that lead to it, so that its path stays the way to this very directory.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_FUNCTION};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED, ERROR_SHARING_VIOLATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    FILE_SHARE_READ, FILE_SHARE_WRITE,
};

use super::look::{file_system_type, identity, is_linked, rename, volume};
use super::retried::{is_any, retried};
use crate::storage::{Entry, FileIdentity, FileSystem, NameFacts, NameKind, named};

/// A directory that is held open.
#[derive(Debug)]
pub(crate) struct Directory {
    dir: File,
    /// Where it is, without a limit for the length of a path and without names that stand for
    /// devices: <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>.
    path: PathBuf,
    volume: u64,
    /// Syncing it did nothing, or cannot be done.
    is_unsynced: AtomicBool,
}

impl Directory {
    /// Opens a directory that exists.
    pub(crate) fn open(path: &Path) -> io::Result<Directory> {
        // To be synced, it must be open for writing, which not every reader may do:
        // https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers
        let dir = match open_directory(path, true) {
            Err(error) if is_any(&error, &UNWRITABLE) => open_directory(path, false)?,
            opened => opened?,
        };
        if !dir.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // Some drivers know no paths of open files.
        let path = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        Ok(Directory {
            volume: volume(&dir),
            dir,
            path,
            is_unsynced: AtomicBool::new(false),
        })
    }

    /// Opens a directory, making it and what leads to it first where they are missing.
    ///
    /// Names made here are synced before this returns, where the file system does that.
    pub(crate) fn create(path: &Path) -> io::Result<Directory> {
        let absolute = std::path::absolute(path)?;
        let missing = absolute.ancestors().take_while(|path| !path.exists());
        let missing: Vec<&Path> = missing.collect();
        for made in missing.into_iter().rev() {
            match fs::create_dir(made) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if let Some(parent) = made.parent() {
                // It may be another's, which is not to be opened for writing; the new one's own
                // sync is what counts.
                let _ = Directory::open(parent).and_then(|parent| parent.sync());
            }
        }
        Directory::open(&absolute)
    }

    /// The same directory: nothing takes its place while it is open.
    pub(crate) fn opened_again(&self) -> io::Result<Directory> {
        Directory::open(&self.path)
    }

    /// Which directory it is.
    pub(crate) fn own_identity(&self) -> io::Result<FileIdentity> {
        identity(&self.dir, self.volume)
    }

    /// Opens a file, for writing wherever that may be done: only such a one can be synced.
    pub(crate) fn open_file(&self, name: &str, is_writable: bool) -> io::Result<File> {
        let path = self.path.join(name);
        let writable = File::options().read(true).write(true).open(&path);
        match writable {
            Err(error) if !is_writable && is_any(&error, &UNWRITABLE) => {
                opened_to_read(|| File::open(&path))
            }
            Err(error) if is_any(&error, &UNWRITABLE) => {
                retried(|| File::options().read(true).write(true).open(&path))
            }
            opened => opened,
        }
    }

    /// Makes a new file with the rights that its directory gives.
    pub(crate) fn create_file(&self, name: &str) -> io::Result<File> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        retried(|| options.open(&path))
    }

    /// All entries.
    pub(crate) fn list(&self) -> io::Result<Vec<Entry>> {
        let names = self.names()?.into_iter();
        // What the directory itself says of lengths is not renewed while a file is open:
        // https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-findfirstfilew
        let entry = |name: String| match fs::symlink_metadata(self.path.join(&name)) {
            Ok(facts) => Some(Entry {
                name,
                len: if facts.is_file() {
                    facts.file_size()
                } else {
                    0
                },
                is_file: facts.is_file(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // The caller that opens it is told why it cannot be looked at; that hides no other.
            Err(_) => Some(Entry {
                name,
                len: 0,
                is_file: false,
            }),
        };
        Ok(names.filter_map(entry).collect())
    }

    /// What is under a name, which is not opened: that may change what it is.
    pub(crate) fn facts(&self, name: &str) -> io::Result<NameFacts> {
        let path = self.path.join(name);
        let own = fs::symlink_metadata(&path)?;
        if !own.is_symlink() {
            let (link, kind) = (None, kind(&own));
            return Ok(NameFacts { link, kind });
        }
        let link = Some(fs::read_link(&path)?.to_string_lossy().into_owned());
        let kind = match fs::metadata(&path) {
            Ok(facts) => kind(&facts),
            Err(error) if error.kind() == io::ErrorKind::NotFound => NameKind::Nothing,
            Err(error) => return Err(error),
        };
        Ok(NameFacts { link, kind })
    }

    /// The names of all entries.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name)).collect()
    }

    /// Gives a file another name in the place of its own; fails if that name is taken.
    pub(crate) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        retried(|| rename(&self.path.join(from), &self.path.join(to)))
    }

    /// Removes the name of a file.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        retried(|| fs::remove_file(self.path.join(name)))
    }

    /// Which file has this name.
    pub(crate) fn identity_of(&self, name: &str) -> io::Result<FileIdentity> {
        let mut options = OpenOptions::new();
        options.access_mode(FILE_READ_ATTRIBUTES);
        options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
        identity(&options.open(self.path.join(name))?, self.volume)
    }

    /// The volume it is on.
    pub(crate) fn volume(&self) -> u64 {
        self.volume
    }

    /// When names were made or removed last.
    pub(crate) fn stamp(&self) -> io::Result<u64> {
        Ok(self.dir.metadata()?.last_write_time())
    }

    /// Makes names made and removed so far durable, where the file system can do that.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self.dir.sync_all() {
            Err(error) if is_any(&error, &UNSYNCABLE) => {
                self.is_unsynced.store(true, Ordering::Relaxed);
                Ok(())
            }
            synced => synced,
        }
    }

    /// Whether syncing it was found to do nothing.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.is_unsynced.load(Ordering::Relaxed)
    }

    /// Whether it still has a name somewhere.
    pub(crate) fn is_linked(&self) -> io::Result<bool> {
        is_linked(&self.dir)
    }

    /// The number that tells the file system; 0 if the system does not say.
    pub(crate) fn file_system_type(&self) -> u64 {
        file_system_type(&self.dir)
    }

    /// Which file system it is on, of those that are told apart.
    pub(crate) fn file_system(&self) -> FileSystem {
        named::of_number(self.file_system_type())
    }
}

/// Opens a directory and lets no process rename or remove it: such a handle does not share that,
/// <https://learn.microsoft.com/windows/win32/fileio/creating-and-opening-files>.
fn open_directory(path: &Path, is_writable: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(is_writable);
    options.share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE);
    options.custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options.open(path)
}

/// As [`retried`], for a file that may not be opened at all: then that is said at once.
fn opened_to_read(mut open: impl FnMut() -> io::Result<File>) -> io::Result<File> {
    match open() {
        Err(error) if is_any(&error, &[ERROR_SHARING_VIOLATION]) => retried(open),
        opened => opened,
    }
}

fn kind(facts: &fs::Metadata) -> NameKind {
    match facts {
        _ if facts.is_dir() => NameKind::Directory,
        _ if facts.is_file() => NameKind::File,
        _ => NameKind::Device,
    }
}

/// It may be read only, or another program lets others only read it.
const UNWRITABLE: [u32; 2] = [ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION];

/// What is said where a directory is not synced.
const UNSYNCABLE: [u32; 5] = [
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_FUNCTION,
    ERROR_INVALID_HANDLE,
    ERROR_INVALID_PARAMETER,
    ERROR_NOT_SUPPORTED,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DiskStorage, Storage};

    #[test]
    fn a_directory_in_use_keeps_its_place() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let storage = DiskStorage::create(&path).unwrap();
        Storage::create(&storage, "before").unwrap();
        assert!(fs::rename(&path, root.path().join("moved")).is_err());
        assert!(fs::remove_dir_all(&path).is_err());
        assert!(Storage::is_linked(&storage).unwrap());
        drop(storage);
        fs::rename(&path, root.path().join("moved")).unwrap();
    }

    #[test]
    fn names_are_made_moved_and_removed_while_their_files_are_open() {
        let root = tempfile::tempdir().unwrap();
        let storage = DiskStorage::create(&root.path().join("a")).unwrap();
        Storage::create(&storage, "before").unwrap();
        let made = Storage::create(&storage, "made").unwrap();
        made.write_at(b"abc", 0).unwrap();
        storage.link("made", "linked").unwrap();
        let taken = storage.link("linked", "before").unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        let gone = storage.remove("made").unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        storage.sync_dir().unwrap();
        let mut names = storage.names().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["before", "linked"]);
        let mut listed = storage.list().unwrap().into_iter();
        let listed = listed.find(|entry| entry.name == "linked").unwrap();
        assert_eq!((listed.len, listed.is_file), (3, true));
        let identity = storage.identity_of("linked").unwrap();
        assert_eq!(identity, made.identity().unwrap());
        assert_ne!(identity, storage.identity_of("before").unwrap());
        assert!(made.is_linked().unwrap());
        let other = Storage::open(&storage, "linked").unwrap();
        assert_eq!(other.len().unwrap(), 3);
    }

    #[test]
    fn a_file_is_not_taken_for_a_directory() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("f");
        fs::write(&path, "").unwrap();
        let error = DiskStorage::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        let error = DiskStorage::open(&root.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
