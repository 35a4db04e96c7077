//! wal-db 1.1.0, one file: an append is one `pwrite`, `sync` is shared by those who call it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use wal_db::Wal;

use crate::engine::{EVERYTHING, Engine, KILL, Log, Mode, Outcome, Setting, Work};

pub struct WalDb;

impl Engine for WalDb {
    fn who(&self) -> &'static str {
        "wal-db"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => Mode::new("append", KILL),
            Work::Durable => Mode::new("append_and_sync", EVERYTHING),
            Work::Bulk => Mode::new("append, a second thread syncs", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let wal = Wal::open(setting.dir.join("wal"))?;
        let is_durable = setting.work == Work::Durable;
        Ok(Box::new(Open { wal, is_durable }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let wal = Wal::open(dir.join("wal"))?;
        let mut count = 0;
        for record in wal.iter()? {
            record?;
            count += 1;
        }
        Ok(count)
    }
}

struct Open {
    wal: Wal,
    is_durable: bool,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        if self.is_durable {
            let _ = self.wal.append_and_sync(payload)?;
        } else {
            let _ = self.wal.append(payload)?;
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(self.wal.sync()?)
    }

    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) && self.sync().is_ok() {
                    // A sync sleeps in the kernel; this only says that the loop is meant.
                    std::hint::spin_loop();
                }
            });
            let appended = (0..count).try_for_each(|_| self.append(0, payload));
            is_over.store(true, Ordering::Relaxed);
            appended
        })?;
        self.sync()
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.sync()
    }
}
