//! A FUSE file system with one file, a disk that records what happens to it;
//! `journal_tests::device` starts it.
//!
//! Arguments: where to mount it, the file with the disk's bytes, the file for the record.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite,
    Request, WriteFlags,
};
use journal_tests::device::{CONTROL, FAIL_FLUSH, FAIL_WRITE, HEAL, Happened, IMAGE};

fn main() -> io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let mut next = || args.next().ok_or(io::ErrorKind::InvalidInput);
    let at = next()?;
    let image = File::options().read(true).write(true).open(next()?)?;
    let disk = Disk {
        len: image.metadata()?.len(),
        image,
        state: Mutex::new(State {
            record: File::create(next()?)?,
            failing_write: None,
            failing_flush: None,
            is_flush_failing: false,
        }),
    };
    fuser::mount(disk, at, &Config::default())
}

struct Disk {
    image: File,
    len: u64,
    state: Mutex<State>,
}

struct State {
    record: File,
    failing_write: Option<Vec<u8>>,
    failing_flush: Option<Vec<u8>>,
    is_flush_failing: bool,
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts(&self, file: INodeNo) -> FileAttr {
        let is_root = file == INodeNo::ROOT;
        let size = if file == IMAGE_NUMBER { self.len } else { 0 };
        FileAttr {
            ino: file,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_root {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if is_root { 0o700 } else { 0o600 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn write_image(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let has = |part: &Vec<u8>| bytes.windows(part.len()).any(|found| found == part);
        if state.failing_write.as_ref().is_some_and(has) {
            state.failing_write = None;
            return Err(io::ErrorKind::Other.into());
        }
        if state.failing_flush.as_ref().is_some_and(has) {
            state.failing_flush = None;
            state.is_flush_failing = true;
        }
        self.image.write_all_at(bytes, offset)?;
        let bytes = bytes.to_vec();
        Happened::Write { offset, bytes }.write(&mut state.record)
    }

    fn obey(&self, order: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if let Some(bytes) = order.strip_prefix(FAIL_WRITE) {
            state.failing_write = Some(bytes.to_vec());
            return Ok(());
        }
        if let Some(bytes) = order.strip_prefix(FAIL_FLUSH) {
            state.failing_flush = Some(bytes.to_vec());
            return Ok(());
        }
        if order == HEAL {
            (state.failing_write, state.failing_flush) = (None, None);
            state.is_flush_failing = false;
            return Ok(());
        }
        let words = std::str::from_utf8(order).map_err(io::Error::other)?;
        let (writer, seq) = words.split_once(' ').ok_or(io::ErrorKind::InvalidInput)?;
        let writer = writer.parse().map_err(io::Error::other)?;
        let seq = seq.parse().map_err(io::Error::other)?;
        Happened::Mark { writer, seq }.write(&mut state.record)
    }

    fn flush_image(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.is_flush_failing {
            return Err(io::ErrorKind::Other.into());
        }
        Happened::Flush.write(&mut state.record)
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _req: &Request, _parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number = match name.to_str() {
            Some(IMAGE) => IMAGE_NUMBER,
            Some(CONTROL) => CONTROL_NUMBER,
            _ => return reply.error(Errno::ENOENT),
        };
        reply.entry(&LASTING, &self.facts(number), Generation(0));
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&LASTING, &self.facts(ino));
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        _size: Option<u64>,
        _atime: Option<fuser::TimeOrNow>,
        _mtime: Option<fuser::TimeOrNow>,
        _ctime: Option<std::time::SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<std::time::SystemTime>,
        _chgtime: Option<std::time::SystemTime>,
        _bkuptime: Option<std::time::SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.attr(&LASTING, &self.facts(ino));
    }

    fn open(&self, _req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let is_control = ino == CONTROL_NUMBER;
        let direct = FopenFlags::FOPEN_DIRECT_IO;
        let flags = if is_control {
            direct
        } else {
            FopenFlags::empty()
        };
        reply.opened(FileHandle(0), flags);
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if ino != IMAGE_NUMBER {
            return reply.data(&[]);
        }
        let len = u64::from(size).min(self.len.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        match self.image.read_exact_at(&mut bytes, offset) {
            Ok(()) => reply.data(&bytes),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = match ino {
            IMAGE_NUMBER => self.write_image(offset, data),
            _ => self.obey(data),
        };
        match (written, u32::try_from(data.len())) {
            (Ok(()), Ok(len)) => reply.written(len),
            _ => reply.error(Errno::EIO),
        }
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        if ino == IMAGE_NUMBER && self.flush_image().is_err() {
            return reply.error(Errno::EIO);
        }
        reply.ok();
    }

    fn fallocate(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _offset: u64,
        _length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        // No discards: the loop device writes zeros instead.
        reply.error(Errno::EOPNOTSUPP);
    }
}

const IMAGE_NUMBER: INodeNo = INodeNo(2);
const CONTROL_NUMBER: INodeNo = INodeNo(3);

/// Names and facts do not change.
const LASTING: Duration = Duration::from_secs(3600);
