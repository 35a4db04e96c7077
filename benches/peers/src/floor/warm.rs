//! Checksum and copy into a mapped file whose pages are all there: what an append that survives
//! kill -9 cannot do without.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use super::frame::{put, zeroed};
use super::{Mapped, count_frames};
use crate::engine::{Engine, KILL, Log, Mode, Outcome, Setting, Work};

/// Frames copied into warm mapped pages.
pub struct Warm;

impl Engine for Warm {
    fn who(&self) -> &'static str {
        "floor"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => {
                Mode::new("crc + copy into warm mapped pages", KILL)
            }
            Work::Durable | Work::Bulk => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let file = zeroed(&setting.dir, setting.expected_bytes)?;
        let mut map = Mapped::new(&file)?;
        // One store to each page: the first one after a sync would cost a fault.
        map.bytes()
            .iter_mut()
            .step_by(4096)
            .for_each(|byte| *byte = 0);
        let end = Mutex::new(End { map, at: 0 });
        Ok(Box::new(Open { file, end }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count_frames(dir, 1)
    }
}

struct Open {
    file: File,
    end: Mutex<End>,
}

struct End {
    map: Mapped,
    at: usize,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().expect("no appender panics");
        let from = end.at;
        end.at = put(&mut end.map, from, payload)?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(self.file.sync_data()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}
