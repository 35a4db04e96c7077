//! The same bytes in 1 MiB writes into a growing file, then one `fdatasync`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::count_frames;
use super::frame::{frame, path};
use crate::engine::{EVERYTHING, Engine, Log, Mode, Outcome, Setting, Work};

/// Large writes and one sync.
pub struct Pieces;

impl Engine for Pieces {
    fn who(&self) -> &'static str {
        "floor"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Bulk => Mode::new("write in 1 MiB pieces + one fdatasync", EVERYTHING),
            Work::Append | Work::AppendUnsynced | Work::Durable => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let file = File::create(path(&setting.dir))?;
        let end = Mutex::new((file, Vec::with_capacity(2 * PIECE_LEN)));
        Ok(Box::new(Open { end }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count_frames(dir, 1)
    }
}

struct Open {
    end: Mutex<(File, Vec<u8>)>,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().expect("no appender panics");
        let (file, buffer) = &mut *end;
        buffer.extend_from_slice(&frame(payload)?);
        buffer.extend_from_slice(payload);
        if buffer.len() >= PIECE_LEN {
            file.write_all(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        let mut end = self.end.lock().expect("no appender panics");
        let (file, buffer) = &mut *end;
        file.write_all(buffer)?;
        buffer.clear();
        Ok(file.sync_data()?)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}

const PIECE_LEN: usize = 1 << 20;
