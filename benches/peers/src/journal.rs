//! This journal.

use std::path::Path;
use std::time::Duration;

use trace_journal::{Item, Journal, JournalOptions, OnBacklog, Reader, UserKind, WriteMode};

use crate::engine::{EVERYTHING, Engine, KILL, Log, Mode, Outcome, Setting, Work};

/// This journal, in one of its write modes.
pub struct Ours {
    pub is_mapped: bool,
}

impl Ours {
    fn options(&self, work: Work) -> JournalOptions {
        let write_mode = if self.is_mapped {
            WriteMode::Mapped
        } else {
            WriteMode::Positioned
        };
        let options = options().write_mode(write_mode);
        if work == Work::AppendUnsynced {
            let never = Duration::from_secs(3600);
            let options = options.sync_interval(never).sync_bytes(u64::MAX);
            return options.backlog_bytes_max(u64::MAX);
        }
        options
    }
}

/// Default options, except that an append may wait longer for the device than a second.
pub fn options() -> JournalOptions {
    Journal::options().on_backlog(OnBacklog::Wait(Duration::from_secs(60)))
}

/// The kind of all raw records written here.
pub fn kind() -> UserKind {
    UserKind::new(200).expect("200 is a caller's kind")
}

impl Engine for Ours {
    fn who(&self) -> &'static str {
        "ours"
    }

    fn mode(&self, work: Work) -> Option<Mode> {
        match (self.is_mapped, work) {
            (true, Work::Append) => Mode::new("mapped, commits every 50 ms or 1 MiB", KILL),
            (true, Work::AppendUnsynced) => Mode::new("mapped, no commits", KILL),
            (true, Work::Durable) => Mode::new("mapped, append + wait_durable", EVERYTHING),
            (true, Work::Bulk) => Mode::new("mapped, appends + sync", EVERYTHING),
            (false, Work::Append) => Mode::new("positioned, commits every 50 ms or 1 MiB", KILL),
            (false, Work::AppendUnsynced) => Mode::new("positioned, no commits", KILL),
            (false, Work::Durable) => Mode::new("positioned, append + wait_durable", EVERYTHING),
            (false, Work::Bulk) => Mode::new("positioned, appends + sync", EVERYTHING),
        }
    }

    fn open(&self, setting: &Setting) -> Outcome<Box<dyn Log>> {
        let journal = self.options(setting.work).open(&setting.dir)?;
        let waits = setting.work == Work::Durable;
        Ok(Box::new(Open { journal, waits }))
    }

    fn count(&self, dir: &Path) -> Outcome<u64> {
        count(dir)
    }
}

/// Raw records in the journal in `dir`, each read and verified.
pub fn count(dir: &Path) -> Outcome<u64> {
    let kind = kind().into();
    let mut count = 0;
    for item in Reader::open(dir)?.records() {
        if let Item::Record(record) = item?
            && record.kind == kind
        {
            count += 1;
        }
    }
    Ok(count)
}

struct Open {
    journal: Journal,
    waits: bool,
}

impl Log for Open {
    fn append(&self, _thread: usize, payload: &[u8]) -> Outcome<()> {
        let seq = self.journal.append_raw(kind(), payload)?;
        if self.waits {
            self.journal.wait_durable(seq)?;
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        self.journal.sync()?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(self.journal.close()?)
    }
}
