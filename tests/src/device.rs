//! A disk whose every write, flush and mark is on record; `block-device` is its program.
//!
//! It is a file of a FUSE file system, served by a process of its own, under a loop device. Marks
//! are written into a second file, and so stand in the record where they happened.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

/// Something that happened to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Bytes were written, and may be lost until a flush.
    Write {
        /// Where, in bytes.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Everything written so far is safe.
    Flush,
    /// A writer was told that everything up to this sequence number is durable.
    Mark {
        /// The writer.
        writer: u64,
        /// The sequence number.
        seq: u64,
    },
}

impl Happened {
    /// Adds it to a record.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let nothing = Vec::new();
        let (what, first, second, bytes) = match self {
            Happened::Write { offset, bytes } => (0, *offset, 0, bytes),
            Happened::Flush => (1, 0, 0, &nothing),
            Happened::Mark { writer, seq } => (2, *writer, *seq, &nothing),
        };
        let len = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        let words = [what, first, second, len].map(u64::to_le_bytes);
        to.write_all(&[words.as_flattened(), bytes].concat())
    }

    /// Reads a record; a last piece that was cut short counts as not happened.
    #[must_use]
    pub fn read_all(mut record: &[u8]) -> Vec<Happened> {
        let mut all = Vec::new();
        while let Some((happened, rest)) = Happened::read(record) {
            all.push(happened);
            record = rest;
        }
        all
    }

    fn read(record: &[u8]) -> Option<(Happened, &[u8])> {
        let (words, rest) = record.split_at_checked(32)?;
        let (words, _) = words.as_chunks::<8>();
        let [what, first, second, len] = <[[u8; 8]; 4]>::try_from(words).ok()?;
        let len = usize::try_from(u64::from_le_bytes(len)).ok()?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        let (first, second) = (u64::from_le_bytes(first), u64::from_le_bytes(second));
        let happened = match u64::from_le_bytes(what) {
            0 => Happened::Write {
                offset: first,
                bytes: bytes.to_vec(),
            },
            1 => Happened::Flush,
            _ => Happened::Mark {
                writer: first,
                seq: second,
            },
        };
        Some((happened, rest))
    }
}

/// A device at work.
#[derive(Debug)]
pub struct Device {
    child: Child,
    at: PathBuf,
    record: PathBuf,
}

impl Device {
    /// Serves the bytes of `image`. `program` is the path of the `block-device` binary. What is
    /// mounted already stays mounted as long as the device is there.
    ///
    /// # Panics
    /// If that cannot be done.
    #[must_use]
    pub fn start(program: &str, dir: &Path, image: &Path) -> Device {
        let (at, record) = (dir.join("device"), dir.join("record"));
        fs::create_dir_all(&at).expect("a directory");
        // The process that serves the device must not hold what is mounted from it: it could
        // never end. So it has its own mounts, of which only this one is shared with ours.
        mount_bind(&at, &at).expect("a place of its own");
        mount_change(&at, MountPropagationFlags::SHARED).expect("a shared place");
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "unchanged", program])
            .args([&at, image, &record])
            .stdin(Stdio::null())
            .spawn()
            .expect("the device can be started");
        let device = Device { child, at, record };
        let begun = Instant::now();
        while !device.image().exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no device");
            sleep(Duration::from_millis(5));
        }
        device
    }

    /// The file to make a loop device of.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.at.join(IMAGE)
    }

    /// The file that marks and orders are written into.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.at.join(CONTROL)
    }

    /// Lets the next write fail that has these bytes in it.
    ///
    /// # Panics
    /// If the device does not answer.
    pub fn fail_write_of(&self, bytes: &[u8]) {
        self.order(&[FAIL_WRITE, bytes].concat());
    }

    /// Lets every flush fail after a write that has these bytes in it: the first alone may be one
    /// of the file system's own, which tells no process.
    ///
    /// # Panics
    /// If the device does not answer.
    pub fn fail_flush_of(&self, bytes: &[u8]) {
        self.order(&[FAIL_FLUSH, bytes].concat());
    }

    /// Lets nothing fail any more.
    ///
    /// # Panics
    /// If the device does not answer.
    pub fn heal(&self) {
        self.order(HEAL);
    }

    fn order(&self, words: &[u8]) {
        let file = File::options().write(true).open(self.control());
        let written = file.and_then(|mut file| file.write(words));
        assert_eq!(written.expect("a device that answers"), words.len());
    }

    /// Everything that happened so far.
    ///
    /// # Panics
    /// If the record cannot be read.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        Happened::read_all(&fs::read(&self.record).expect("a record"))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // A process that still waits for the device gets an error when its process is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = unmount(&self.at, UnmountFlags::DETACH);
        let _ = unmount(&self.at, UnmountFlags::DETACH);
    }
}

/// Name of the device's bytes.
pub const IMAGE: &str = "image";

/// Name of the file for marks and orders.
pub const CONTROL: &str = "control";

/// Begins the order to fail a write; the bytes follow.
pub const FAIL_WRITE: &[u8] = b"fail-write ";

/// The order to let nothing fail.
pub const HEAL: &[u8] = b"heal";

/// Begins the order to fail flushes after a write; its bytes follow.
pub const FAIL_FLUSH: &[u8] = b"fail-flush ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_up_to_where_it_was_cut() {
        let all = vec![
            Happened::Write {
                offset: 4096,
                bytes: vec![1, 2, 3],
            },
            Happened::Flush,
            Happened::Mark { writer: 7, seq: 9 },
        ];
        let mut record = Vec::new();
        for happened in &all {
            happened.write(&mut record).unwrap();
        }
        assert_eq!(Happened::read_all(&record), all);
        assert_eq!(Happened::read_all(&record[..record.len() - 1]), all[..2]);
    }
}
