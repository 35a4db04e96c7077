//! open-wal 0.2.1: appends stay in the process until `commit`, one `pwrite` and one `fdatasync`.
//!
//! One writer by its types: threads share it behind a mutex, so it has no group commit.

use std::path::Path;
use std::sync::Mutex;

use open_wal::{Lsn, Wal, WalConfig};

use crate::engine::{EVERYTHING, Engine, Log, Mode, NOTHING, Outcome, Setting, Work};

pub struct OpenWal;

impl Engine for OpenWal {
    fn who(&self) -> &'static str {
        "open-wal"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => Mode::new("append, in memory only", NOTHING),
            Work::Durable => Mode::new("append + commit, behind a mutex", EVERYTHING),
            Work::Bulk => Mode::new("commit every 4096 records", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let (wal, _) = Wal::open(&setting.dir, WalConfig::default())?;
        let wal = Mutex::new(wal);
        let work = setting.work;
        Ok(Box::new(Open { wal, work }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let (wal, _) = Wal::open(dir, WalConfig::default())?;
        let mut reader = wal.reader_from(Lsn(0))?;
        let mut count = 0;
        while let Some(record) = reader.next() {
            record?;
            count += 1;
        }
        Ok(count)
    }
}

struct Open {
    wal: Mutex<Wal>,
    work: Work,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut wal = self.wal.lock().expect("no appender panics");
        wal.append(payload)?;
        if self.work == Work::Durable {
            wal.commit()?;
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        self.wal.lock().expect("no appender panics").commit()?;
        Ok(())
    }

    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        for number in 1..=count {
            self.append(0, payload)?;
            if number % 4096 == 0 {
                self.sync()?;
            }
        }
        self.sync()
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}
