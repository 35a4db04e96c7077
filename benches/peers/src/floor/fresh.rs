//! Checksum and copy into pages that another thread makes writable meanwhile: what an append that
//! survives kill -9 cannot do without where the file is longer than what was warmed up before.

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::frame::{path, put};
use super::mapped::Populator;
use super::{Mapped, count_frames};
use crate::engine::{Engine, KILL, Log, Mode, Outcome, Setting, Work};

/// Frames copied into mapped pages that were made writable just before.
pub struct Fresh;

impl Engine for Fresh {
    fn who(&self) -> &'static str {
        "floor"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::AppendUnsynced => {
                let mode = "crc + copy, another thread warms the pages";
                Mode::new(mode, KILL)
            }
            Work::Append | Work::Durable | Work::Bulk => None,
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let options = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .clone();
        let file = options.open(path(&setting.dir))?;
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, setting.expected_bytes)?;
        let map = Mapped::cold(&file)?;
        let populator = map.populator();
        populator.populate(0, AHEAD)?;
        let (used, windows) = channel();
        let thread = std::thread::spawn(move || follow(&populator, &windows));
        let end = End {
            map,
            at: 0,
            used: Some(used),
        };
        Ok(Box::new(Open {
            end: Mutex::new(end),
            thread,
        }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count_frames(dir, 1)
    }
}

/// Keeps pages ahead of the writer, who tells of every window that is used up.
fn follow(populator: &Populator, windows: &Receiver<usize>) {
    for used in windows {
        // Without it the writer makes them writable, one by one.
        let _ = populator.populate(used + AHEAD, WINDOW);
    }
}

struct Open {
    end: Mutex<End>,
    thread: JoinHandle<()>,
}

struct End {
    map: Mapped,
    at: usize,
    used: Option<Sender<usize>>,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().expect("no appender panics");
        let from = end.at;
        let to = put(&mut end.map, from, payload)?;
        end.at = to;
        if from / WINDOW != to / WINDOW
            && let Some(used) = &end.used
        {
            used.send(from / WINDOW * WINDOW)?;
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.end.lock().expect("no appender panics").used = None;
        self.thread
            .join()
            .map_err(|_| "the other thread panicked")?;
        Ok(())
    }
}

/// Bytes made writable at once, and ahead: as much as the journal does.
const WINDOW: usize = 1 << 20;
const AHEAD: usize = 2 << 20;
