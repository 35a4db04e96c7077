//! One `pwrite` per record into a zeroed file; durable with one `fdatasync` each.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;

use super::count_frames;
use super::frame::{frame, zeroed};
use crate::engine::{EVERYTHING, Engine, KILL, Log, Mode, Outcome, Setting, Work};

/// One system call per record, and one per sync.
pub struct OneWrite;

impl Engine for OneWrite {
    fn who(&self) -> &'static str {
        "floor"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => Mode::new("one pwrite per record", KILL),
            Work::Durable => Mode::new("pwrite + fdatasync, zeroed file", EVERYTHING),
            Work::Bulk => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let file = zeroed(&setting.dir, setting.expected_bytes)?;
        let is_durable = setting.work == Work::Durable;
        let end = Mutex::new((0, Vec::new()));
        Ok(Box::new(Open {
            file,
            is_durable,
            end,
        }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count_frames(dir, 1)
    }
}

struct Open {
    file: File,
    is_durable: bool,
    end: Mutex<(u64, Vec<u8>)>,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().expect("no appender panics");
        let (at, buffer) = &mut *end;
        buffer.clear();
        buffer.extend_from_slice(&frame(payload)?);
        buffer.extend_from_slice(payload);
        self.file.write_all_at(buffer, *at)?;
        *at += u64::try_from(buffer.len())?;
        if self.is_durable {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(self.file.sync_data()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}
