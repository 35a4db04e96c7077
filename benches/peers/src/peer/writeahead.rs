//! writeahead 0.4.1: one writer thread, records and a committed-end slot in one `fdatasync`.
//!
//! It has no append without a sync.

use std::path::Path;

use futures::StreamExt;
use futures::executor::block_on;
use writeahead::{SimpleFile, WriteAhead as Wal, WriteAheadOptions, WriteHandle};

use crate::engine::{EVERYTHING, Engine, Log, Mode, Outcome, Setting, Work};

pub struct WriteAhead;

impl Engine for WriteAhead {
    fn who(&self) -> &'static str {
        "writeahead"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => None,
            Work::Durable => Mode::new("write, each thread awaits", EVERYTHING),
            Work::Bulk => Mode::new("write_batch of 4096", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let mut wal = wal(&setting.dir);
        wal.start()?;
        let handle = wal.writer()?;
        Ok(Box::new(Open { wal, handle }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let mut wal = wal(dir);
        wal.start()?;
        let mut stream = wal.create_stream()?;
        block_on(async {
            let mut count = 0;
            while let Some(record) = stream.next().await {
                record?;
                count += 1;
            }
            Ok(count)
        })
    }
}

fn wal(dir: &Path) -> Wal<SimpleFile> {
    Wal::with_options(WriteAheadOptions {
        log_dir: dir.to_owned(),
        ..WriteAheadOptions::default()
    })
}

struct Open {
    wal: Wal<SimpleFile>,
    handle: WriteHandle,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        block_on(self.handle.write(payload.to_vec()))?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    fn bulk(&self, count: u32, payload: &[u8]) -> Outcome<()> {
        let mut left = usize::try_from(count)?;
        while left > 0 {
            let part = left.min(4096);
            block_on(self.handle.write_batch(vec![payload.to_vec(); part]))?;
            left -= part;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        let Open { wal, handle } = *self;
        drop(handle);
        drop(wal);
        Ok(())
    }
}
