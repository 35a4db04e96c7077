//! okaywal 0.3.1: one `write` and one `fdatasync` per commit, shared by committers.
//!
//! It has no append without a sync. Its file is zero-filled at its full length before the clock
//! starts and nothing is recycled, which is its fastest way.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::engine::{EVERYTHING, Engine, Log, Mode, Outcome, Setting, Work};

pub struct OkayWal;

impl Engine for OkayWal {
    fn who(&self) -> &'static str {
        "okaywal"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => None,
            Work::Durable => Mode::new("one chunk per commit", EVERYTHING),
            Work::Bulk => Mode::new("4096 chunks per commit", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let len = setting.expected_bytes.max(1 << 20);
        let config = config(&setting.dir)
            .preallocate_bytes(u32::try_from(len)?)
            .checkpoint_after_bytes(len);
        Ok(Box::new(Open(config.open(Counting::default())?)))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let counting = Counting::default();
        let count = Arc::clone(&counting.0);
        let log = config(dir).open(counting)?;
        let count = count.load(Ordering::Relaxed);
        log.shutdown()?;
        Ok(count)
    }
}

fn config(dir: &Path) -> Configuration {
    // Nothing is to be recycled: what was written is counted later.
    Configuration::default_for(dir)
        .checkpoint_after_bytes(u64::MAX)
        .buffer_bytes(64 << 10)
}

struct Open(WriteAheadLog);

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let mut writer = self.0.begin_entry()?;
        writer.write_chunk(payload)?;
        writer.commit()?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        let mut left = count;
        while left > 0 {
            let part = left.min(4096);
            let mut writer = self.0.begin_entry()?;
            for _ in 0..part {
                writer.write_chunk(payload)?;
            }
            writer.commit()?;
            left -= part;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(self.0.shutdown()?)
    }
}

/// Counts the chunks that recovery gives back.
#[derive(Debug, Default)]
struct Counting(Arc<AtomicU64>);

impl LogManager for Counting {
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        if let Some(chunks) = entry.read_all_chunks()? {
            let count = u64::try_from(chunks.len()).map_err(io::Error::other)?;
            self.0.fetch_add(count, Ordering::Relaxed);
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _wal: &WriteAheadLog,
    ) -> io::Result<()> {
        Ok(())
    }
}
