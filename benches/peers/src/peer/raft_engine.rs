//! raft-engine 0.4.2: one log batch per record, write groups with a leader, one `fdatasync` per
//! group. Each thread has a region of its own, as its users have. It keeps an index of all
//! records in memory, which a plain journal does not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine as Raft, LogBatch, MessageExt, ReadableSize};

use crate::engine::{EVERYTHING, Engine, KILL, Log, Mode, Outcome, Setting, Work};

pub struct RaftEngine;

impl Engine for RaftEngine {
    fn who(&self) -> &'static str {
        "raft-engine"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match work {
            Work::Append | Work::AppendUnsynced => Mode::new("write, sync = false", KILL),
            Work::Durable => Mode::new("write, sync = true", EVERYTHING),
            Work::Bulk => Mode::new("write, a second thread syncs", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let engine = open(&setting.dir)?;
        let next = (0..setting.threads).map(|_| AtomicU64::new(1)).collect();
        let is_durable = setting.work == Work::Durable;
        Ok(Box::new(Open {
            engine,
            next,
            is_durable,
        }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        let engine = open(dir)?;
        let mut count = 0;
        for region in engine.raft_groups() {
            let first = engine.first_index(region).unwrap_or(1);
            let end = engine.last_index(region).map_or(first, |last| last + 1);
            let mut at = first;
            while at < end {
                let to = end.min(at + 1024);
                let mut read = Vec::new();
                engine.fetch_entries_to::<Numbered>(region, at, to, None, &mut read)?;
                count += u64::try_from(read.len())?;
                at = to;
            }
        }
        Ok(count)
    }
}

fn open(dir: &Path) -> Outcome<Raft> {
    let dir = dir.to_str().ok_or("the path is not text")?.to_owned();
    let config = Config {
        dir,
        // Nothing is compressed: the others do not either.
        batch_compression_threshold: ReadableSize(0),
        ..Config::default()
    };
    Ok(Raft::open(config)?)
}

/// Records of one region are numbered; the number is in the first bytes of the payload.
struct Numbered;

impl MessageExt for Numbered {
    type Entry = BytesValue;

    fn index(record: &BytesValue) -> u64 {
        let number = record.get_value().first_chunk();
        u64::from_le_bytes(*number.unwrap_or(&[0; 8]))
    }
}

struct Open {
    engine: Raft,
    next: Vec<AtomicU64>,
    is_durable: bool,
}

impl Log for Open {
    fn append(&self, thread: usize, payload: &[u8]) -> Outcome<()> {
        let next = self.next.get(thread).ok_or("more threads than announced")?;
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut bytes = payload.to_vec();
        let place = bytes.first_chunk_mut::<8>().ok_or("a payload is short")?;
        *place = number.to_le_bytes();
        let mut record = BytesValue::new();
        record.set_value(bytes);
        let mut batch = LogBatch::with_capacity(1);
        batch.add_entries::<Numbered>(u64::try_from(thread)? + 1, &[record])?;
        self.engine.write(&mut batch, self.is_durable)?;
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        Ok(self.engine.sync()?)
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
